"""What garments are made of: colours and patterns in space, so that no texture map is needed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.synthetic.bodies import Floats
from training.synthetic.waves import Waves

Pattern = Literal["plain", "stripes", "checks", "dots", "print", "motif", "gradient"]
PATTERNS: dict[Pattern, float] = {
    "plain": 0.48,
    "stripes": 0.12,
    "checks": 0.1,
    "dots": 0.06,
    "print": 0.12,
    "motif": 0.06,
    "gradient": 0.06,
}
"""How often each is drawn."""
NEUTRALS = 0.45
"""Share of garments in black, white, grey, denim or beige rather than in a free colour."""

CRUMPLE = (0.0, 0.012)
"""Depth of wrinkles in metres."""


@dataclass(frozen=True)
class Fabric:
    """A colour for every point of a garment in T-pose, and how it takes the light."""

    pattern: Pattern
    colours: Floats
    """(2, 3) linear RGB in [0, 1]."""
    period: float
    """Metres."""
    direction: Floats
    """(2, 3) axes that the pattern runs along."""
    waves: Waves
    weave: Waves
    roughness: float
    """Relative amplitude of the weave."""
    wrinkles: Waves
    crumple: float
    """Depth of the wrinkles in metres; they bend the light, not the outline."""
    gloss: float
    """Strength of the highlight."""

    def colours_at(self, points: Floats) -> Floats:
        """Linear RGB (N, 3) at rest positions (N, 3)."""
        share = self._share(points)[:, None]
        colour = self.colours[0] * (1 - share) + self.colours[1] * share
        grain = 1 + self.roughness * self.weave(points)[:, None]
        coloured: Floats = np.clip(colour * grain, 0, 1)
        return coloured.astype(np.float32)

    def bend(self, normals: Floats, points: Floats) -> Floats:
        """Normals (N, 3) tilted by the wrinkles at rest positions (N, 3); not unit."""
        if self.crumple == 0:
            return normals
        bent: Floats = normals - self.crumple * self.wrinkles.gradient(points)
        return bent

    def _share(self, points: Floats) -> Floats:
        """How much of the second colour there is, (N,)."""
        along, across = (points @ self.direction.T / self.period).T % 1
        share: Floats = np.zeros(len(points), np.float32)
        match self.pattern:
            case "plain":
                pass
            case "stripes":
                share[along < 0.4] = 1
            case "checks":
                share[along < 0.3] = 0.5
                share[across < 0.3] += 0.5
            case "dots":
                share[(along - 0.5) ** 2 + (across - 0.5) ** 2 < 0.06] = 1
            case "print":
                share[self.waves(points) > 0.1] = 1
            case "motif":
                x, y, z = (points - np.array([0, 0.3, 0], np.float32)).T
                share[(self.waves(points) > 0) & (z > 0) & (x**2 + y**2 < self.period)] = 1
            case "gradient":
                share = np.clip(points[:, 1] + 0.5, 0, 1)
        return share


def sample_fabric(rng: np.random.Generator) -> Fabric:
    """A random fabric."""
    names = list(PATTERNS)
    weights = np.array([PATTERNS[name] for name in names])
    pattern = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    tilt = rng.choice([0.0, np.pi / 2, np.pi / 4]) + rng.normal(0, 0.05)
    axes = [[np.cos(tilt), np.sin(tilt), 0.2], [-np.sin(tilt), np.cos(tilt), 0.2]]
    return Fabric(
        pattern=pattern,
        colours=np.stack([_colour(rng), _colour(rng)]).astype(np.float32),
        period=float(np.exp(rng.uniform(np.log(0.015), np.log(0.12)))),
        direction=np.array(axes, np.float32),
        waves=Waves.sample(rng, num=5, wavelengths=(0.04, 0.25)),
        weave=Waves.sample(rng, num=8, wavelengths=(0.008, 0.1)),
        roughness=float(rng.uniform(0.02, 0.18)),
        gloss=float(rng.uniform(0, 1) ** 4 * 0.5),
        wrinkles=_wrinkles(rng),
        crumple=float(rng.uniform(*CRUMPLE)),
    )


def plain(colour: Floats, rng: np.random.Generator, gloss: float = 0.1) -> Fabric:
    """One colour, for skin, hair and shoes; `colour` is linear RGB (3,)."""
    return Fabric(
        pattern="plain",
        colours=np.stack([colour, colour]).astype(np.float32),
        period=1.0,
        direction=np.eye(3, dtype=np.float32)[:2],
        waves=Waves.sample(rng, num=1),
        weave=Waves.sample(rng, num=8, wavelengths=(0.006, 0.15)),
        roughness=float(rng.uniform(0.03, 0.12)),
        gloss=gloss,
        wrinkles=Waves.sample(rng, num=1),
        crumple=0.0,
    )


def _wrinkles(rng: np.random.Generator) -> Waves:
    """Mostly upright folds: their waves run level, around the body."""
    waves = Waves.sample(rng, num=8, wavelengths=(0.05, 0.25))
    level = np.array([1.0, rng.uniform(0.2, 1), 1.0], np.float32)
    return Waves(waves.vectors * level, waves.phases)


def _colour(rng: np.random.Generator) -> Floats:
    if rng.random() < NEUTRALS:
        grey = rng.uniform(0.01, 0.85) ** 1.6
        tints = [[1, 1, 1], [0.55, 0.75, 1.25], [1.15, 1.0, 0.75]]  # none, denim, beige
        colour: Floats = grey * np.array(tints[int(rng.choice(3, p=[0.6, 0.25, 0.15]))])
    else:
        hue, saturation, value = rng.random(), rng.uniform(0.3, 1), rng.uniform(0.05, 0.8)
        wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
        colour = value * (1 - saturation * (1 - wheel))
    return colour.clip(0, 1).astype(np.float32)
