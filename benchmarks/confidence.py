"""The confidence target: ours beside the plain scipy formula, on figures drawn here."""

import math
import time

import numpy as np
from scipy.ndimage import distance_transform_edt

from benchmarks.timing import fastest, report
from model.silhouette.confidence import sigma_for, silhouette_confidence

SIDE = 512


def run() -> None:
    """Figures of several sizes at 512 pixels, in processor time."""
    for name, height, flare in (
        ("a dress, half the height", 0.5, 0.15),
        ("a dress, two thirds of it", 0.67, 0.15),
        ("a dress, nine tenths of it", 0.9, 0.15),
        ("a wide coat, nine tenths of it", 0.9, 0.4),
    ):
        naked, dressed = _figure(height, flare)
        sigma = sigma_for((SIDE, SIDE))

        def ours(n: np.ndarray = naked, d: np.ndarray = dressed, s: float = sigma) -> np.ndarray:
            return silhouette_confidence(n, d, s)

        def theirs(n: np.ndarray = naked, d: np.ndarray = dressed, s: float = sigma) -> np.ndarray:
            return _plain_formula(n, d, s)

        apart = float(np.abs(ours() - theirs()).max())
        times = fastest({"habitus": ours, "scipy": theirs}, 30, time.process_time)
        covered = (dressed & ~naked).mean()
        report(
            f"confidence target, {SIDE} px, {name}: {covered:.0%} cloth (apart {apart:.1e})",
            times,
            "habitus",
        )


def _plain_formula(naked: np.ndarray, dressed: np.ndarray, sigma: float) -> np.ndarray:
    """As one writes it down: distances of the whole picture, their Gaussian, over its maximum."""
    cloth = dressed & ~naked
    distances = np.asarray(distance_transform_edt(~naked))
    gaussian = np.exp(-(distances**2) / (2 * sigma**2)) * cloth
    return np.where(naked, 1, np.clip(gaussian / gaussian.max(), 0, 1)).astype(np.float32)


def _figure(height: float, flare: float) -> tuple[np.ndarray, np.ndarray]:
    """Head, trunk, arms and legs, so much of the picture's height; a dress that widens by flare."""
    steps = np.linspace(-0.9, 0.9, SIDE) / height
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    across = np.abs(columns)
    trunk = (across < 0.14 + 0.03 * np.sin(math.pi * rows)) & (rows > -0.55) & (rows < 0.15)
    legs = (np.abs(across - 0.09) < 0.06) & (rows > 0.1) & (rows < 0.9)
    head = columns**2 / 0.008 + (rows + 0.72) ** 2 / 0.02 < 1
    arms = (np.abs(across - 0.2 - 0.1 * (rows + 0.5)) < 0.04) & (rows > -0.5) & (rows < 0.2)
    naked = trunk | legs | head | arms
    dress = (across < 0.2 + flare * np.clip(rows + 0.5, 0, 1)) & (rows > -0.52) & (rows < 0.75)
    return naked, naked | dress
