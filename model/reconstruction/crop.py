"""The square around a person, cut out of a picture, and the way back.

S side of the network's input, C channels, H W the picture's size.
"""

import math
from dataclasses import dataclass

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
        self, picture: Float[Tensor, "1 C H W"] | UInt8[Tensor, "1 C H W"], fill: float
    ) -> Float[Tensor, "1 C S S"]:
        """The square, scaled with antialiasing.

        Args:
            picture: Of the size that the crop was made for. Bytes become floats in [0, 1].
            fill: Value of what is beyond the picture.
        """
        right, bottom = self.left + self.side, self.top + self.side
        part = picture[..., max(0, self.top) : max(0, bottom), max(0, self.left) : max(0, right)]
        if part.dtype == torch.uint8:
            part = part.float().div_(255)
        padding = [
            min(max(0, -self.left), self.side),
            0,
            min(max(0, -self.top), self.side),
            0,
        ]
        padding[1] = self.side - padding[0] - part.shape[-1]
        padding[3] = self.side - padding[2] - part.shape[-2]
        padded = F.pad(part, padding, value=fill)
        if self.side == self.size:
            return padded
        return F.interpolate(
            padded, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
        )

    def inside(self, height: int, width: int) -> Float[Tensor, "1 1 S S"]:
        """1 where the picture is, 0 beyond it, between on its edge."""
        return self.of(torch.ones(1, 1, height, width), 0.0)


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
