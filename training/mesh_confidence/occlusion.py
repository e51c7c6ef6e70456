"""A square that hides a part of a picture, slid over it or put on a joint.

The analysis is that of Jafarian, Qureshi (arXiv 2305.17245, section 3): a square of 40 pixels in
steps of 20, with the mean colour of ImageNet.

H W a picture's size, R C positions down and across, J = 14 joints.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.mesh_confidence.estimators import Estimator

IMAGENET_MEAN = (124, 116, 104)
"""RGB of (0.485, 0.456, 0.406).

Source: torchvision's documentation of its ImageNet weights.
"""


@dataclass(frozen=True)
class Occluder:
    """A square of one colour."""

    size: int = 40
    """Its side, in pixels."""
    stride: int = 20
    """Pixels between two positions."""
    colour: tuple[int, int, int] = IMAGENET_MEAN

    def positions(self, side: int) -> list[int]:
        """Where its first edge is along a side of a picture; the last one may lie beyond the end.

        Source: the reference's count, ceil((side - size) / stride + 1).
        """
        count = max(1, math.ceil((side - self.size) / self.stride + 1))
        return [number * self.stride for number in range(count)]

    def at(self, image: np.ndarray, left: int, top: int) -> np.ndarray:
        """A copy of a picture with the square at a place; what lies outside is cut off."""
        hidden = image.copy()
        rows = slice(max(0, top), max(0, top + self.size))
        columns = slice(max(0, left), max(0, left + self.size))
        hidden[rows, columns] = self.colour
        return hidden

    def on(self, image: np.ndarray, point: np.ndarray) -> np.ndarray:
        """A copy of a picture with the middle of the square on a point x, y."""
        left, top = (round(float(value) - self.size / 2) for value in point)
        return self.at(image, left, top)


def slide(
    estimator: Estimator,
    image: np.ndarray,
    truth: np.ndarray,
    occluder: Occluder,
    skip: Sequence[int],
    batch_size: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Errors of all joints for each position of the occluder, row by row.

    Args:
        estimator: To ask.
        image: (H, W, 3) uint8 RGB.
        truth: (14, D) what estimates are compared with.
        occluder: To slide.
        skip: Numbers of positions that are done.
        batch_size: Pictures at a time.

    Yields:
        The number of a position, and its errors (14,).
    """
    height, width = image.shape[:2]
    places = [(x, y) for y in occluder.positions(height) for x in occluder.positions(width)]
    done = set(skip)
    missing = [number for number in range(len(places)) if number not in done]
    for start in range(0, len(missing), batch_size):
        numbers = missing[start : start + batch_size]
        hidden = [occluder.at(image, *places[number]) for number in numbers]
        for number, found in zip(numbers, estimator.estimate(hidden), strict=True):
            yield number, estimator.errors(found, truth)


def hide_each_joint(
    estimator: Estimator,
    image: np.ndarray,
    points: np.ndarray,
    truth: np.ndarray,
    occluder: Occluder,
) -> np.ndarray:
    """Mean error over all joints when each joint is hidden in turn, (15,): the last hides none.

    Args:
        estimator: To ask.
        image: (H, W, 3) uint8 RGB.
        points: (14, 3) x, y in pixels and whether the joint is known; NaN is given for others.
        truth: (14, D) what estimates are compared with.
        occluder: To put on joints.
    """
    known = np.flatnonzero(points[:, 2] > 0)
    pictures = [image, *(occluder.on(image, points[joint, :2]) for joint in known)]
    errors = np.full(len(points) + 1, np.nan)
    for place, found in zip([-1, *known], estimator.estimate(pictures), strict=True):
        distances = estimator.errors(found, truth)
        if np.isfinite(distances).any():
            errors[place] = np.nanmean(distances)
    return errors
