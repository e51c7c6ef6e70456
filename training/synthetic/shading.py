"""Light on skin and cloth.

P pixels that show the person.
"""

from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats


@dataclass(frozen=True)
class Lighting:
    """A key light, a sky and a ground, in linear RGB."""

    direction: Floats
    """(3,) unit vector towards the key light, in the camera's frame."""
    key: Floats
    """(3,)"""
    sky: Floats
    """(3,) light from above."""
    ground: Floats
    """(3,) light from below."""


def sample_lighting(rng: np.random.Generator) -> Lighting:
    """From soft and overcast to hard and low."""
    azimuth, elevation = rng.uniform(-np.pi, np.pi), np.deg2rad(rng.uniform(10, 80))
    if rng.random() < 0.7:  # more often from the camera's side than from behind the person
        azimuth *= 0.5
    direction = [
        np.sin(azimuth) * np.cos(elevation),
        np.sin(elevation),
        np.cos(azimuth) * np.cos(elevation),
    ]
    warmth = rng.normal(0, 0.08)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    contrast = rng.uniform(0.15, 0.85)
    exposure = np.exp(rng.normal(0, 0.2))
    return Lighting(
        np.array(direction, np.float32),
        (2.0 * contrast * exposure * tint).astype(np.float32),
        (1.25 * (1 - 0.7 * contrast) * exposure / tint).astype(np.float32),
        (0.55 * (1 - 0.6 * contrast) * exposure * tint).astype(np.float32),
    )


def shade(
    colours: Floats, normals: Floats, views: Floats, lit: Floats, gloss: Floats, light: Lighting
) -> Floats:
    """What the camera sees, sRGB in [0, 1], (P, 3): Lambert, sky over ground, Blinn-Phong.

    Args:
        colours: (P, 3) linear RGB of the surface.
        normals: (P, 3) unit.
        views: (P, 3) unit vectors towards the camera.
        lit: (P,) 1 where the key light arrives.
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
    linear = colours * (ambient + facing[:, None] * light.key) + highlight[:, None] * light.key
    return srgb(linear)


def srgb(linear: Floats) -> Floats:
    """IEC 61966-2-1's transfer function, clipped to [0, 1]."""
    clipped = np.clip(linear, 0, 1)
    encoded: Floats = np.where(
        clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055
    )
    return encoded.astype(np.float32)
