"""Cloth that falls from where it is held instead of clinging to what is below.

N vertices.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

from training.synthetic.bodies import Floats

SECTORS = 32
"""Around the axis."""
SLICE = 0.025
"""Height of a slice, in metres."""


def hang(vertices: Floats, axis: tuple[float, float], top: float, share: float) -> Floats:
    """Let a garment fall straight from its widest place above, in T-pose.

    Its outline, seen from the axis, never shrinks on the way down: under the chest, the belly or
    the seat there is air between cloth and skin.

    Args:
        vertices: (N, 3)
        axis: x and z of the upright line that the cloth hangs around.
        top: Height below which it hangs free.
        share: How far it goes from clinging (0) to hanging straight (1).
    """
    offset = vertices[:, [0, 2]] - np.array(axis, np.float32)
    radius = np.linalg.norm(offset, axis=1)
    sector = (np.arctan2(offset[:, 0], offset[:, 1]) / (2 * np.pi) % 1) * SECTORS
    below = (top - vertices[:, 1]) / SLICE
    hanging = below >= 0
    if not hanging.any():
        return vertices
    num = int(below.max()) + 2
    widest = np.zeros((num, SECTORS))
    place = (below[hanging].astype(int), sector[hanging].astype(int) % SECTORS)
    np.maximum.at(widest, place, radius[hanging])
    widest = np.maximum.accumulate(widest, axis=0)
    widest = gaussian_filter1d(widest, 1.2, axis=1, mode="wrap")
    wanted = map_coordinates(
        np.concatenate([widest, widest[:, :1]], axis=1), [below.clip(0), sector], order=1
    )
    # The first decimetre is where clinging turns into hanging.
    ease = np.clip(below * SLICE / 0.1, 0, 1) * share
    grown = 1 + ease * np.clip(wanted - radius, 0, None) / np.maximum(radius, 1e-3)
    draped = vertices.copy()
    draped[:, [0, 2]] = (np.array(axis) + offset * grown[:, None]).astype(np.float32)
    return draped
