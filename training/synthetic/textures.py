"""Surfaces of grounds and walls: colours in metres.

N points, H W a picture's size.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image

from training.synthetic.bodies import Floats

OUTDOORS = {"asphalt": 0.3, "tiles": 0.25, "bricks": 0.2, "panes": 0.15, "plain": 0.1}
INDOORS = {"plain": 0.45, "planks": 0.25, "tiles": 0.2, "panes": 0.1}
"""How often a surface is of each kind."""
NUM_TILES, TILE = 24, 128
"""How many tiles of noise there are, and their side in pixels."""


@dataclass(frozen=True)
class Material:
    """Colour of a flat surface at each of its points."""

    kind: str
    colours: Floats
    """(2, 3) linear RGB: of the surface, and of its joints or panes."""
    period: Floats
    """(2,) metres."""
    joint: float
    """Width of the joints, as a share of the period."""
    grain: Floats
    """(side, side) smooth noise around 0 that tiles the plane."""
    grain_scale: float
    """Pixels of the grain to a metre."""
    roughness: float
    """Amplitude of the grain."""

    def at(self, points: Floats) -> Floats:
        """Linear RGB (N, 3) at points (N, 2) in metres."""
        share = self._joints(points)[:, None]
        colour = self.colours[0] + share * (self.colours[1] - self.colours[0])
        place = (points * self.grain_scale).astype(np.int64) % len(self.grain)
        coloured: Floats = colour * (
            1 + self.roughness * self.grain[place[:, 1], place[:, 0], None]
        )
        return np.clip(coloured, 0.005, 1).astype(np.float32)

    def plain(self) -> "Material":
        """The same without joints, and smoother."""
        return replace(self, kind="plain", roughness=0.2 * self.roughness)

    def _joints(self, points: Floats) -> Floats:
        """Where the second colour is, (N,) of 0 or 1."""
        x, y = (points / self.period).T
        match self.kind:
            case "tiles" | "panes":
                joint = (x % 1 < self.joint) | (y % 1 < self.joint)
            case "bricks":
                joint = ((x + 0.5 * (y // 1 % 2)) % 1 < self.joint) | (y % 1 < 2 * self.joint)
            case "planks":
                joint = y % 1 < self.joint
            case _:
                joint = np.zeros(len(points), bool)
        share: Floats = joint.astype(np.float32)
        return share


def sample_material(rng: np.random.Generator, outdoors: bool) -> Material:
    """A surface, mostly grey or brownish."""
    kinds = OUTDOORS if outdoors else INDOORS
    kind = str(rng.choice(list(kinds), p=list(kinds.values())))
    grey = 0.02 + 0.6 * rng.uniform(0, 1) ** 1.3
    hue = rng.normal(0, 1) * np.array([1, 0.1, -1]) + rng.normal(0, 0.4, 3)
    colour = grey * np.exp(rng.choice([0.05, 0.2, 0.5], p=[0.4, 0.4, 0.2]) * hue)
    if kind == "bricks" and rng.random() < 0.6:
        colour = grey * np.array([1.1, 0.55, 0.4])
    second = colour * rng.uniform(0.3, 1.8)
    widest = {"tiles": 0.08, "bricks": 0.1, "planks": 0.06, "panes": 0.6}.get(kind, 0.1)
    least, most = {"panes": (0.8, 3.0), "bricks": (0.2, 0.3), "planks": (0.08, 0.25)}.get(
        kind, (0.15, 1.0)
    )
    period = rng.uniform(least, most)
    ratio = 0.33 if kind == "bricks" else rng.uniform(0.7, 1.4)
    return Material(
        kind,
        np.stack([colour, second]).clip(0.01, 0.9).astype(np.float32),
        np.array([period, period * ratio], np.float32),
        rng.uniform(0.4 * widest, widest),
        fractal(int(rng.integers(NUM_TILES))),
        float(np.exp(rng.uniform(np.log(15), np.log(200)))),
        rng.uniform(0.03, 0.35),
    )


@cache
def fractal(number: int) -> Floats:
    """Noise (TILE, TILE) that repeats itself, amplitude falling with frequency; spread 0.5.

    One of NUM_TILES; all pictures share them.
    """
    rng = np.random.default_rng([number, TILE])
    frequency = np.fft.fftfreq(TILE)[:, None] ** 2 + np.fft.rfftfreq(TILE)[None] ** 2
    frequency[0, 0] = np.inf
    slope = rng.uniform(0.35, 0.75)
    spectrum = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**slope
    noise = np.fft.irfft2(spectrum, (TILE, TILE))
    scaled: Floats = (noise * (0.5 / noise.std())).astype(np.float32)
    return scaled


def sample_grass(rng: np.random.Generator) -> Material:
    """A lawn, a meadow, dry grass or fallen leaves."""
    ground = sample_material(rng, outdoors=True)
    dry = rng.uniform(0, 1) ** 2
    green, brown = np.array([0.1, 0.2, 0.04]), np.array([0.3, 0.22, 0.09])
    colour = (green + dry * (brown - green)) * rng.uniform(0.4, 1.6)
    colours = np.stack([colour, colour]).astype(np.float32)
    scale = rng.uniform(60, 400)
    return replace(
        ground, kind="plain", colours=colours, roughness=rng.uniform(0.3, 0.8), grain_scale=scale
    )


def cloud(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """A part of such noise stretched over a picture: (H, W), clipped to [-1, 1]."""
    part = fractal(int(rng.integers(NUM_TILES)))
    rows, columns = (rng.integers(TILE) + np.arange(TILE // 2) for _ in range(2))
    image = Image.fromarray(part[rows[:, None] % TILE, columns % TILE])
    stretched = np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))
    noise: Floats = np.clip(stretched, -1, 1)
    return noise
