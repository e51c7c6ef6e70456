"""Pictures made smaller, each layer on its own.

H W a picture's size.
"""

import math

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


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
