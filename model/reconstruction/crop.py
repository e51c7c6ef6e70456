"""The square around a person, cut out of a picture, and the way back.

S side of the network's input, C channels, H W the picture's size.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

MARGIN = 1.2
"""Side of the square over the longer side of the person's box."""
LEAST_SIDE = 8
"""Pixels of the picture. Of a smaller person the square shows more."""

LEAST_KEYPOINTS = 3
BEYOND = 0.09
"""How far a body reaches beyond its keypoints, over their larger extent."""


@dataclass(frozen=True)
class Crop:
    """A square of whole pixels, parts of which may be beyond the picture."""

    left: int
    top: int
    side: int
    """In pixels of the picture."""
    size: int
    """Side of the network's input, in its pixels."""

    @classmethod
    def around(cls, box: Float[np.ndarray, "4"], size: int) -> "Crop":
        """The square of `MARGIN` around the middle of a box.

        Args:
            box: Left, top, right, bottom in pixels of the picture, finite.
            size: Side of the network's input.
        """
        left, top, right, bottom = box.astype(float).tolist()
        side = max(LEAST_SIDE, math.ceil(MARGIN * max(right - left, bottom - top)))
        return cls(round((left + right - side) / 2), round((top + bottom - side) / 2), side, size)

    @property
    def centre(self) -> tuple[float, float]:
        """x, y in pixels of the picture. The middle of its first pixel is (0.5, 0.5)."""
        return self.left + self.side / 2, self.top + self.side / 2

    def inward(self, points: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
        """Pixels (x, y) of the picture -> places over the crop, each in [-1, 1] inside it."""
        inside: np.ndarray = (points - np.array(self.centre)) * (2 / self.side)
        return inside.astype(points.dtype)

    def outward(self, points: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
        """The way back."""
        outside: np.ndarray = points * (self.side / 2) + np.array(self.centre)
        return outside.astype(points.dtype)

    def of(
        self, picture: UInt8[np.ndarray, "H W 3"] | Float32[np.ndarray, "H W"], fill: float
    ) -> Float[Tensor, "1 C S S"]:
        """The square, scaled with antialiasing. What is cut out ends at whole pixels of the input.

        A narrow picture makes a square that is mostly beyond it, which takes no memory.

        Args:
            picture: Of the size that the crop was made for. RGB becomes floats in [0, 1].
            fill: Value of what is beyond the picture.
        """
        (top, bottom), (left, right) = self._spans(picture.shape[0], picture.shape[1])
        part = picture[top.source : bottom.source, left.source : right.source]
        # Decoders give arrays that may not be written to, which tensors cannot express.
        pixels = torch.from_numpy(np.require(part, requirements=("C", "W")))
        planes = pixels.float().div_(255).permute(2, 0, 1) if picture.ndim == 3 else pixels[None]
        size = bottom.target - top.target, right.target - left.target
        square = torch.full((1, len(planes), self.size, self.size), fill)
        if min(*size, *part.shape[:2]) > 0:
            if size != part.shape[:2]:
                planes = F.interpolate(
                    planes[None], size, mode="bilinear", align_corners=False, antialias=True
                )
            square[..., top.target : bottom.target, left.target : right.target] = planes
        return square

    def inside(self, height: int, width: int) -> Float[Tensor, "1 1 S S"]:
        """1 where the picture is, 0 beyond it."""
        (top, bottom), (left, right) = self._spans(height, width)
        square = torch.zeros(1, 1, self.size, self.size)
        square[..., top.target : bottom.target, left.target : right.target] = 1
        return square

    def _spans(
        self, height: int, width: int
    ) -> tuple[tuple["_Edge", "_Edge"], tuple["_Edge", "_Edge"]]:
        """Rows and columns of what the crop shows of the picture."""
        return self._span(self.top, height), self._span(self.left, width)

    def _span(self, start: int, length: int) -> tuple["_Edge", "_Edge"]:
        first, last = (min(max(edge, 0), length) for edge in (start, start + self.side))
        scale = self.size / self.side
        begin, end = (round((edge - start) * scale) for edge in (first, last))
        if first < last and begin == end:  # as thin as it is, it is seen
            begin = min(begin, self.size - 1)
            end = begin + 1
        return _Edge(first, begin), _Edge(last, end)


class _Edge(NamedTuple):
    """Where what a crop shows begins or ends."""

    source: int
    """In pixels of the picture."""
    target: int
    """In pixels of the network's input."""


def box_around(
    keypoints: Float[np.ndarray, "K 3"], size: tuple[int, int]
) -> Float32[np.ndarray, "4"] | None:
    """A box for a person of whom keypoints are all that is known; None with fewer than three.

    Args:
        keypoints: x, y in pixels, and a score, 0 where there is none.
        size: (height, width) of the picture, which the box ends at.
    """
    height, width = size
    x, y, score = keypoints.T
    seen = (score > 0) & (x >= 0) & (y >= 0) & (x <= width) & (y <= height)
    if seen.sum() < LEAST_KEYPOINTS:
        return None
    points = keypoints[seen, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    # The head rises above the eyes, and hands and feet end beyond wrists and ankles.
    margin = max(BEYOND * float((high - low).max()), 1.0)
    limits = np.array([width, height, width, height])
    return np.concatenate([low - margin, high + margin]).clip(0, limits).astype(np.float32)


def focal_length(size: tuple[int, int], field_of_view_deg: float) -> float:
    """In pixels, of a picture of a size (height, width) and a field of view over its longer side.

    Args:
        size: Of the picture.
        field_of_view_deg: Between 0 and 180.
    """
    return max(size) / 2 / math.tan(math.radians(field_of_view_deg) / 2)
