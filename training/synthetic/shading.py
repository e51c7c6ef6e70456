"""Light on skin and cloth.

P pixels that show the person.
"""

from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats


@dataclass(frozen=True)
class Lighting:
    """A key light, a fill light, a sky and a ground, in linear RGB."""

    direction: Floats
    """(3,) unit vector towards the key light, in the camera's frame."""
    key: Floats
    """(3,)"""
    sky: Floats
    """(3,) light from above."""
    ground: Floats
    """(3,) light from below."""
    fill_direction: Floats
    """(3,) unit vector towards the fill light, which casts no shadow."""
    fill: Floats
    """(3,)"""


CONTRAST = (0.1, 0.85)
"""From overcast (all light from the sky) to hard sun (nearly all from the key light)."""
ELEVATION_DEG = (10.0, 80.0)
"""Of the key light."""
FRONT_LIT = 0.7
"""Share of scenes whose key light comes from the camera's side."""
FILLED = 0.4
"""Share of scenes with a fill light, from the side that the key light leaves dark."""


def sample_lighting(rng: np.random.Generator) -> Lighting:
    """From soft and overcast to hard and low."""
    azimuth, elevation = rng.uniform(-np.pi, np.pi), np.deg2rad(rng.uniform(*ELEVATION_DEG))
    if rng.random() < FRONT_LIT:
        azimuth *= 0.5
    warmth = rng.normal(0, 0.08)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    contrast = rng.uniform(*CONTRAST)
    exposure = np.exp(rng.normal(0, 0.2))
    key = 2.0 * contrast * exposure * tint
    opposite = -np.sign(azimuth) * rng.uniform(0.3, 1.6)
    strength = rng.uniform(0.1, 0.5) if rng.random() < FILLED else 0.0
    return Lighting(
        _direction(azimuth, elevation),
        key.astype(np.float32),
        (1.25 * (1 - 0.7 * contrast) * exposure / tint).astype(np.float32),
        (0.55 * (1 - 0.6 * contrast) * exposure * tint).astype(np.float32),
        _direction(opposite, rng.uniform(0, 0.8)),
        (strength * key / tint).astype(np.float32),
    )


def _direction(azimuth: float, elevation: float) -> Floats:
    """Unit vector; azimuth 0 is the camera's side, both in radians."""
    level = np.cos(elevation)
    return np.array(
        [np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level], np.float32
    )


def shade(
    colours: Floats, normals: Floats, views: Floats, lit: Floats, gloss: Floats, light: Lighting
) -> Floats:
    """What the camera sees, sRGB in [0, 1], (P, 3): Lambert, sky over ground, Blinn-Phong.

    Args:
        colours: (P, 3) linear RGB of the surface.
        normals: (P, 3) unit.
        views: (P, 3) unit vectors towards the camera.
        lit: (P,) how much of the key light arrives, in [0, 1].
        gloss: (P,) strength of the highlight.
        light: The lights.
    """
    # Cloth is seen from both sides.
    normals = normals * np.sign(np.sum(normals * views, axis=1, keepdims=True) + 1e-6)
    facing = np.clip(normals @ light.direction, 0, 1) * lit
    up = 0.5 + 0.5 * normals[:, 1:2]
    ambient = light.sky * up + light.ground * (1 - up)
    half = views + light.direction
    half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
    highlight = np.clip(np.sum(normals * half, axis=1), 0, 1) ** 24 * gloss * lit
    filled = np.clip(normals @ light.fill_direction, 0, 1)[:, None] * light.fill
    linear = (
        colours * (ambient + facing[:, None] * light.key + filled) + highlight[:, None] * light.key
    )
    return srgb(linear)


def srgb(linear: Floats) -> Floats:
    """IEC 61966-2-1's transfer function, clipped to [0, 1]."""
    clipped = np.clip(linear, 0, 1)
    encoded: Floats = np.where(
        clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055
    )
    return encoded.astype(np.float32)
