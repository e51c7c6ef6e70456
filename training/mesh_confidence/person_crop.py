"""A square picture of one person, as the analysis of the reference looks at it.

S side of the crop, K points.
"""

import numpy as np
from PIL import Image

from model.errors import InvalidInputError
from model.mesh_confidence.features import CROP_MARGIN

CROP_SIDE = 224
"""Pixels of a crop: the unit of occluders of 40 pixels."""
_GREY = (128, 128, 128)


def crop_person(
    image: np.ndarray, points: np.ndarray, side: int = CROP_SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """A square around the known points, and the points in it.

    Args:
        image: (H, W, 3) uint8 RGB; what lies outside of it is grey.
        points: (K, 3) x, y in pixels and whether the point is known.
        side: Of the square.

    Returns:
        (S, S, 3) uint8 and (K, 3), the points in pixels of the square.

    Raises:
        InvalidInputError: Fewer than two points are known.
    """
    known = points[points[:, 2] > 0, :2]
    if len(known) < 2:
        raise InvalidInputError("a person needs at least two known points for a crop")
    low, high = known.min(0), known.max(0)
    longest = max(CROP_MARGIN * float((high - low).max()), 1.0)
    return _cropped(image, points, (low + high) / 2 - longest / 2, longest, side)


def crop_whole(image: np.ndarray, side: int = CROP_SIDE) -> np.ndarray:
    """The whole picture in a square, (S, S, 3) uint8, grey where it has none."""
    height, width = image.shape[:2]
    longest = max(height, width)
    origin = np.array([width - longest, height - longest]) / 2
    square, _ = _cropped(image, np.zeros((0, 3)), origin, float(longest), side)
    return square


def _cropped(
    image: np.ndarray, points: np.ndarray, origin: np.ndarray, longest: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    # Grey around the picture first: a resampled edge would mix with black.
    left, top = np.floor(origin).astype(int)
    size = int(np.ceil(longest)) + 1
    canvas = Image.new("RGB", (size, size), _GREY)
    canvas.paste(Image.fromarray(image), (-int(left), -int(top)))
    offset = origin - [left, top]
    box = (*offset.tolist(), *(offset + longest).tolist())
    square = canvas.resize((side, side), Image.Resampling.BILINEAR, box=box)
    moved = points.copy()
    moved[:, :2] = (points[:, :2] - origin) * (side / longest)
    return np.asarray(square), moved
