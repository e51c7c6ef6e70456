"""What a camera makes of a scene: softness, noise and compression.

H W the picture's size. Training adds its own changes of colour on top (`training.silhouette`).
"""

import io

import numpy as np
from PIL import Image, ImageFilter

from training.synthetic.bodies import Floats

SOFT, SOFTNESS = 0.6, (0.25, 0.8)
"""Share of pictures that are soft; the blur's spread at 256 pixels."""
MOVED, MOTION = 0.05, (2.0, 5.0)
"""Share of pictures that are blurred by motion; how far it goes, in pixels at 256."""
NOISY, NOISE = 0.5, (0.004, 0.03)
"""Share of pictures with sensor noise; its spread in a mid grey, of the range of values."""
COMPRESSED, QUALITY = 0.5, (45, 95)
"""Share of pictures that were JPEG files; their quality."""


def develop(rng: np.random.Generator, scene: Floats) -> np.ndarray:
    """The picture (H, W, 3) uint8 of a scene (H, W, 3) in sRGB, [0, 1]."""
    scale = max(scene.shape[:2]) / 256
    picture = Image.fromarray(_bytes(scene))
    if rng.random() < SOFT:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(*SOFTNESS) * max(scale, 0.5)))
    if rng.random() < MOVED:
        picture = _moved(picture, rng, rng.uniform(*MOTION) * scale)
    if rng.random() < NOISY:
        pixels = np.asarray(picture, np.float32)
        # More photons, more noise, but relatively less.
        spread = 255 * rng.uniform(*NOISE) * (0.5 + pixels.mean(-1, keepdims=True) / 255)
        noise = rng.standard_normal(pixels.shape, np.float32) * spread
        picture = Image.fromarray(np.clip(pixels + noise + 0.5, 0, 255).astype(np.uint8))
    if rng.random() < COMPRESSED:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(*QUALITY)))
        picture = Image.open(file)
    return np.asarray(picture)


def _moved(picture: Image.Image, rng: np.random.Generator, length: float) -> Image.Image:
    """The mean of copies along a short line."""
    angle = rng.uniform(0, np.pi)
    shares = np.linspace(-0.5, 0.5, round(length) + 2) * length
    columns, rows = np.rint(shares * np.cos(angle)), np.rint(shares * np.sin(angle))
    margin = int(np.ceil(length))
    wide = np.pad(np.asarray(picture, np.float32), ((margin,) * 2, (margin,) * 2, (0, 0)), "edge")
    width, height = picture.size
    total = np.zeros((height, width, 3), np.float32)
    for column, row in zip(columns.astype(int) + margin, rows.astype(int) + margin, strict=True):
        total += wide[row : row + height, column : column + width]
    return Image.fromarray(_bytes(total / (255 * len(shares))))


def _bytes(values: Floats) -> np.ndarray:
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
