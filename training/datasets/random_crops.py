"""Which part of a picture goes where, and at what size.

H W a picture's size.
"""

import math
from typing import Protocol

import numpy as np
from PIL import Image

from model.image import MINIMUM_SIDE
from model.silhouette.confidence import alpha_mask


class CropSettings(Protocol):
    """How far crops differ from the pictures they are made from."""

    @property
    def aspect(self) -> tuple[float, float]:
        """Width over height of a crop, from and to."""

    @property
    def least_window(self) -> float:
        """Smallest part of a picture that is shown, over the largest that fits."""

    @property
    def person_height(self) -> tuple[float, float]:
        """Of a person who fits into the crop, over its height, from and to."""

    @property
    def crop_probability(self) -> float:
        """Of a person who does not fit."""

    @property
    def largest_height(self) -> float:
        """Of such a person, over the crop's height."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


def picture_size(side: int, rng: np.random.Generator, settings: CropSettings) -> tuple[int, int]:
    """(height, width) of a picture whose longer side is `side`."""
    narrow, wide = settings.aspect
    aspect = float(np.exp(rng.uniform(np.log(narrow), np.log(wide))))
    if aspect <= 1:
        return side, max(MINIMUM_SIDE, round(side * aspect))
    return max(MINIMUM_SIDE, round(side / aspect)), side


def random_window(
    source: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
    settings: CropSettings,
) -> Box:
    """A part of a picture, in the proportions of `size`."""
    scale = min(source[0] / size[0], source[1] / size[1])
    scale *= rng.uniform(settings.least_window, 1)
    height, width = size[0] * scale, size[1] * scale
    left, top = rng.uniform(0, source[1] - width), rng.uniform(0, source[0] - height)
    return left, top, min(left + width, source[1]), min(top + height, source[0])


def person_window(
    alpha: np.ndarray, size: tuple[int, int], rng: np.random.Generator, settings: CropSettings
) -> tuple[Box, tuple[int, int, int, int]]:
    """Where a person goes: the part of the rendered picture, and the pixels that it fills.

    Args:
        alpha: (H, W), the dressed silhouette in the rendered picture.
        size: (height, width) of the scene.
        rng: Of this sample.
        settings: How far to go.
    """
    height, width = size
    mask = alpha_mask(alpha)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        rows, columns = np.array([0, alpha.shape[0] - 1]), np.array([0, alpha.shape[1] - 1])
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if rng.random() < settings.crop_probability:
        wanted = height * rng.uniform(1, settings.largest_height)
        # From the top cut (feet visible) to the bottom cut (head visible), mostly the head.
        offset = -(wanted - height) * rng.beta(1, 2)
    else:
        wanted = height * rng.uniform(*settings.person_height)
        offset = (height - wanted) * rng.uniform(0, 1)
    scale = wanted / (bottom - top)
    centre = width * rng.uniform(0.25, 0.75)
    # Source pixel x lies at x * scale + shift_x of the scene.
    shift_x = centre - scale * (left + right) / 2
    shift_y = offset - scale * top
    place = (
        max(0, round(scale * left + shift_x)),
        max(0, round(scale * top + shift_y)),
        min(width, round(scale * right + shift_x)),
        min(height, round(scale * bottom + shift_y)),
    )
    place = (place[0], place[1], max(place[2], place[0] + 1), max(place[3], place[1] + 1))
    box = (
        max(0.0, (place[0] - shift_x) / scale),
        max(0.0, (place[1] - shift_y) / scale),
        min(float(alpha.shape[1]), (place[2] - shift_x) / scale),
        min(float(alpha.shape[0]), (place[3] - shift_y) / scale),
    )
    return box, place


def shrink(picture: np.ndarray, side: int, num_labels: int = 0) -> np.ndarray:
    """(h, w, C) at most `side` pixels on the longer side, each channel on its own.

    Args:
        picture: (H, W, C) uint8, scaled with antialiasing.
        side: In pixels.
        num_labels: So many of the last channels hold labels; they become the label at each new
            pixel's centre.
    """
    height, width, num_channels = picture.shape
    scale = side / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(picture)
    size, box = (max(1, round(height * scale)), max(1, round(width * scale))), (0, 0, width, height)
    methods = [resized] * (num_channels - num_labels) + [resized_label] * num_labels
    return np.stack([m(picture[..., n], size, box) for n, m in enumerate(methods)], axis=-1)


def resized(layer: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    """A part of a picture at another size, with antialiasing."""
    return _resample(layer, size, box, Image.Resampling.BILINEAR)


def resized_label(labels: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    """Likewise of labels: the label at each new pixel's centre."""
    return _resample(labels, size, box, Image.Resampling.NEAREST)


def _resample(
    layer: np.ndarray, size: tuple[int, int], box: Box, method: Image.Resampling
) -> np.ndarray:
    # Only what is needed is copied out of the packed file.
    left, top = math.floor(box[0]), math.floor(box[1])
    part = layer[top : math.ceil(box[3]), left : math.ceil(box[2])]
    picture = Image.fromarray(np.ascontiguousarray(part))
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return np.asarray(picture.resize(size[::-1], method, inner))
