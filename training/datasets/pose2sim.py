"""One real person before four calibrated cameras, with joints triangulated from all views.

    cam01/0000.jpg ... cam04/0048.jpg
    truth.npz    `frames` (F) file names; `truth` (F, 33, 3), MediaPipe's landmarks in metres, NaN
                 where views disagree; `R` (4, 3, 3), `t` (4, 3), `K` (4, 3, 3):
                 x_camera = R x + t, y down, z forward

Photos from the demonstration of the package pose2sim (BSD-3-Clause). To measure on only.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.errors import InvalidInputError
from training.datasets.coco_keypoints import coco_of_mediapipe
from training.datasets.photo import read_photo

ARRAYS = ("frames", "truth", "R", "t", "K")


class PersonView(NamedTuple):
    """A picture of somebody whose joints are known."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    keypoints: np.ndarray
    """(17, 3) float32, as in `training.datasets.coco_keypoints`; 1 is known, 0 unknown."""


@dataclass(frozen=True)
class CalibratedViews:
    """Every camera's pictures, camera by camera."""

    root: Path
    frames: tuple[str, ...]
    keypoints: np.ndarray
    """(4, F, 17, 3) float32, as in `PersonView`."""

    @classmethod
    def open(cls, root: Path) -> "CalibratedViews":
        """Project the joints into the views.

        Raises:
            FileNotFoundError: There is no truth.npz.
            InvalidInputError: It cannot be read.
        """
        path = root / "truth.npz"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                frames, truth, rotations, translations, cameras = (file[name] for name in ARRAYS)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise InvalidInputError(f"{path} cannot be read: {error}") from error
        before = np.einsum("cij,fnj->cfni", rotations, truth) + translations[:, None, None]
        homogeneous = np.einsum("cij,cfnj->cfni", cameras, before)
        points = homogeneous[..., :2] / homogeneous[..., 2:]
        known = np.isfinite(points).all(-1)
        landmarks = np.concatenate([np.nan_to_num(points), known[..., None]], -1)
        keypoints = [[coco_of_mediapipe(frame) for frame in camera] for camera in landmarks]
        return cls(root, tuple(map(str, frames)), np.array(keypoints, np.float32))

    def __len__(self) -> int:
        return int(self.keypoints.shape[0]) * len(self.frames)

    def camera(self, index: int) -> int:
        """From 0."""
        return index // len(self.frames)

    def __getitem__(self, index: int) -> PersonView:
        """Decode one picture.

        Raises:
            FileNotFoundError: It is not there.
            InvalidInputError: It cannot be read.
        """
        camera, frame = divmod(index, len(self.frames))
        image = read_photo(self.root / f"cam{camera + 1:02d}" / self.frames[frame])
        return PersonView(image, self.keypoints[camera, frame])
