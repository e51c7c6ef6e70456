"""Random changes of colour, sharpness, noise and compression.

H W a picture's size.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601."""


@dataclass(frozen=True)
class Photometry:
    """How far a photo may change."""

    colour: float = 0.25
    """Strength of changes of brightness, contrast, saturation and of each colour."""
    grey_probability: float = 0.05
    blur_probability: float = 0.3
    noise_probability: float = 0.4
    jpeg_probability: float = 0.3


def vary(image: np.ndarray, rng: np.random.Generator, settings: Photometry) -> np.ndarray:
    """Change a photo at random.

    Args:
        image: (H, W, 3) uint8.
        rng: Of this sample.
        settings: Strengths and probabilities.
    """
    if rng.random() < settings.blur_probability:
        image = _blurred(image, rng.uniform(0.3, 0.01 * max(image.shape[:2]) + 0.3))
    pixels = _recoloured(image, rng, settings)
    if rng.random() < settings.noise_probability:
        strength = np.float32(rng.uniform(0.005, 0.05))
        pixels += strength * rng.standard_normal(pixels.shape, np.float32)
    image = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < settings.jpeg_probability:
        image = _compressed(image, int(rng.integers(30, 90)))
    return image


def _recoloured(image: np.ndarray, rng: np.random.Generator, settings: Photometry) -> np.ndarray:
    """Change gamma, exposure, cast, saturation, contrast; (H, W, 3) float32, about [0, 1]."""
    strength = settings.colour
    levels = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-strength, strength))
    exposure = np.exp(rng.uniform(-strength, strength))
    cast = np.exp(0.25 * strength * rng.uniform(-1, 1, 3))
    saturation = np.exp(strength * rng.uniform(-1.5, 1))
    if rng.random() < settings.grey_probability:
        cast, saturation = np.ones(3), 0.0
    contrast = np.exp(rng.uniform(-strength, strength))
    offset = 0.3 * strength * rng.uniform(-1, 1)
    mix = saturation * np.eye(3) + (1 - saturation) * LUMINANCE[None, :]
    matrix = (contrast * exposure * cast)[:, None] * mix
    pixels = levels.astype(np.float32)[image] @ matrix.T.astype(np.float32)
    # Contrast changes about the mean of the picture.
    shift = np.float32(offset + (1 / contrast - 1) * float(pixels.mean()))
    recoloured: np.ndarray = pixels + shift
    return recoloured


def _blurred(image: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
