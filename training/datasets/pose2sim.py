"""One real person before four calibrated cameras, with joints triangulated from all views.

    cam01/0000.jpg ... cam04/0048.jpg
    truth.npz    `frames` (F) file names; `truth` (F, 33, 3), MediaPipe's landmarks in metres, NaN
                 where views disagree; `world` (F, 4, 33, 3), what MediaPipe says of each view in
                 metres, y down, z away from the camera; `R` (4, 3, 3), `t` (4, 3), `K` (4, 3, 3):
                 x_camera = R x + t, y down, z forward

Photos from the demonstration of the package pose2sim (BSD-3-Clause). To measure on only.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.errors import InvalidInputError
from training.datasets.photo import read_photo
from training.photos.coco_keypoints import coco_of_mediapipe

ARRAYS = ("frames", "truth", "R", "t", "K")


class PersonView(NamedTuple):
    """A picture of somebody whose joints are known."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    keypoints: np.ndarray
    """(17, 3) float32, as in `training.photos.coco_keypoints`; 1 is known, 0 unknown."""


class JointView(NamedTuple):
    """A picture of somebody whose joints are known in three dimensions."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    joints: np.ndarray
    """(33, 3) MediaPipe's landmarks in the camera's axes, in metres; NaN where not known."""
    mediapipe: np.ndarray
    """(33, 3) what MediaPipe alone says of them, in metres, about the hips."""


@dataclass(frozen=True)
class CalibratedViews:
    """Every camera's pictures, camera by camera."""

    root: Path
    frames: tuple[str, ...]
    keypoints: np.ndarray
    """(4, F, 17, 3) float32, as in `PersonView`."""
    landmarks: np.ndarray
    """(4, F, 33, 3) in the cameras' axes, in metres; NaN where not known."""

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
        return cls(root, tuple(map(str, frames)), np.array(keypoints, np.float32), before)

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
        return PersonView(read_photo(self.picture_path(index)), self.keypoints[camera, frame])

    def joints(self, index: int) -> JointView:
        """Decode one picture, with joints in three dimensions.

        Raises:
            FileNotFoundError: It is not there.
            InvalidInputError: It, or what MediaPipe says of it, cannot be read.
        """
        camera, frame = divmod(index, len(self.frames))
        path = self.root / "truth.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                world = file["world"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InvalidInputError(f"{path} cannot be read: {error}") from error
        image = read_photo(self.picture_path(index))
        return JointView(image, self.landmarks[camera, frame], world[frame, camera])

    def picture_path(self, index: int) -> Path:
        """The file of a picture."""
        camera, frame = divmod(index, len(self.frames))
        return self.root / f"cam{camera + 1:02d}" / self.frames[frame]
