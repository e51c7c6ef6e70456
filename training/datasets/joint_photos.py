"""Photos of people whose joints are known, whatever dataset they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.datasets.photo import read_photo


@dataclass(frozen=True)
class JointPhoto:
    """One person in one photo."""

    path: Path
    points: np.ndarray
    """(K, 3) float32: x, y in pixels, and 1 where the point is known, else 0. K is a layout of
    `model.mesh_confidence.joints`."""
    sequence: str
    """Photos of one video have the same."""
    key: str
    """Names the person in the photo."""
    joints: np.ndarray | None = None
    """(L, 3) float32 in metres: x right, y down, z forward; L is a layout too. None where the
    dataset has none."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB.

        Raises:
            FileNotFoundError: The photo is not there.
            InvalidInputError: It cannot be read.
        """
        return read_photo(self.path)


@dataclass(frozen=True)
class JointPhotos:
    """A dataset's people in a fixed order."""

    name: str
    photos: Sequence[JointPhoto]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> JointPhoto:
        return self.photos[index]

    def sequence_numbers(self) -> np.ndarray:
        """(N,) int64: the same number for photos of the same sequence, in order of their names."""
        names = [photo.sequence for photo in self.photos]
        numbers: np.ndarray = np.unique(names, return_inverse=True)[1].astype(np.int64)
        return numbers
