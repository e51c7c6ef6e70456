"""Skeletons of a person over time, as numbers that methods compare and networks take.

N frames.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from model.errors import InvalidInputError
from model.skeletons import MEDIAPIPE_33_NAMES
from model.synthesis.limbs import NUM_POINTS, OF_MEDIAPIPE

NUM_LANDMARKS = len(MEDIAPIPE_33_NAMES)


@dataclass(frozen=True)
class Skeletons:
    """One person's skeletons in consecutive frames.

    Coordinates are fractions of the side of a square picture: x right, y down, (0, 0) the upper
    left corner. The numbers of a frame without a person are NaN.
    """

    points: Float32[np.ndarray, "N 13 2"]
    """In the order of `limbs.POINT_NAMES`."""
    landmarks: Float32[np.ndarray, "N 33 3"] | None = None
    """MediaPipe's, with z in the unit of x; None where only the points are known."""

    @classmethod
    def of(cls, numbers: Float32[np.ndarray, "N K D"]) -> "Skeletons":
        """From MediaPipe's landmarks (N, 33, 2 or 3), or from points (N, 13, 2).

        Raises:
            InvalidInputError: Another shape, or no frame.
        """
        shape = numbers.shape
        if shape[0] == 0 or shape[1:] not in ((NUM_LANDMARKS, 2), (NUM_LANDMARKS, 3), (13, 2)):
            raise InvalidInputError(
                f"landmarks have the shape {shape}; (N, 33, 2), (N, 33, 3) or (N, {NUM_POINTS}, 2) "
                "is needed, with N at least 1"
            )
        if shape[1] == NUM_POINTS:
            return cls(numbers)
        points = numbers[:, list(OF_MEDIAPIPE), :2]
        return cls(points, numbers if shape[2] == 3 else None)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def is_there(self) -> Bool[np.ndarray, "N"]:  # noqa: F821
        """(N,) whether every point of a frame is known."""
        there: np.ndarray = np.isfinite(self.points).all((1, 2))
        return there

    def part(self, first: int, end: int) -> "Skeletons":
        """Those of consecutive frames."""
        landmarks = None if self.landmarks is None else self.landmarks[first:end]
        return Skeletons(self.points[first:end], landmarks)

    def vectors_26(self) -> Float32[np.ndarray, "N 26"]:
        """The x and y of the 13 points."""
        return self.points.reshape(len(self), -1)

    def vectors_99(self) -> Float32[np.ndarray, "N 99"]:
        """The x, y and z of MediaPipe's 33 landmarks.

        Raises:
            InvalidInputError: They are not known.
        """
        if self.landmarks is None:
            raise InvalidInputError(
                "this method compares 99 numbers; landmarks of the shape (N, 33, 3) are needed"
            )
        return self.landmarks.reshape(len(self), -1)


def fill_gaps(skeletons: Skeletons) -> Skeletons:
    """Skeletons for all frames: between two known ones linearly, outside of them the nearest one.

    Raises:
        InvalidInputError: No frame has one.
    """
    known = skeletons.is_there
    if known.all():
        return skeletons
    if not known.any():
        raise InvalidInputError("there is no person in any frame; at least one is needed")
    landmarks = skeletons.landmarks
    return Skeletons(
        _filled(skeletons.points, known),
        None if landmarks is None else _filled(landmarks, known),
    )


def _filled(
    numbers: Float32[np.ndarray, "N K D"],
    known: Bool[np.ndarray, "N"],  # noqa: F821
) -> Float32[np.ndarray, "N K D"]:
    flat = numbers.reshape(len(numbers), -1)
    frames, there = np.arange(len(flat)), np.flatnonzero(known)
    columns = [np.interp(frames, there, column[there]) for column in flat.T]
    return np.stack(columns, -1).astype(np.float32).reshape(numbers.shape)


def in_square(
    landmarks: Float32[np.ndarray, "K D"], size: tuple[int, int]
) -> Float32[np.ndarray, "K D"]:
    """Coordinates in the central square of a picture, from fractions of its width and height.

    An odd pixel that is left over is cut off to the right or below.

    MediaPipe's z is a fraction of the width, as x is.

    Args:
        landmarks: x, y, and z where D is 3.
        size: (height, width) in pixels.
    """
    height, width = size
    side = min(height, width)
    scaled = landmarks * np.array([width, height, width], np.float32)[: landmarks.shape[-1]]
    scaled[:, 0] -= (width - side) // 2
    scaled[:, 1] -= (height - side) // 2
    found: np.ndarray = (scaled / side).astype(np.float32)
    return found
