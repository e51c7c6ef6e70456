"""One person's pose as MediaPipe finds it in a picture, in the terms of pairs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.skeletons import MEDIAPIPE_OF_COCO
from training.photos.mediapipe_people import pose_landmarker


class FoundPose(NamedTuple):
    """A pose in a picture, as COCO's keypoints."""

    joints: np.ndarray
    """(17, 3) float32: MediaPipe's world landmarks, metres: x right, y down, z away."""
    visibility: np.ndarray
    """(17,) float32 in [0, 1]."""
    keypoints: np.ndarray
    """(17, 2) float32 in pixels."""


PoseDetector = Callable[[np.ndarray], FoundPose | None]
"""From (H, W, 3) uint8 RGB; None where nobody is found."""


@contextmanager
def pose_detector(path: Path) -> Iterator[PoseDetector]:
    """Finds one person.

    Args:
        path: The landmarker's `.task` file.

    Raises:
        FileNotFoundError: There is no such file.
        HabitusError: mediapipe is not installed, or does not take the file.
    """
    with pose_landmarker(path, num_poses=1) as look:

        def detect(image: np.ndarray) -> FoundPose | None:
            result = look(image)
            if not result.pose_landmarks:
                return None
            (world,), (landmarks,) = result.pose_world_landmarks, result.pose_landmarks
            height, width = image.shape[:2]
            chosen = list(MEDIAPIPE_OF_COCO)
            joints = np.array([(p.x, p.y, p.z) for p in world], np.float32)
            points = np.array([(p.x * width, p.y * height) for p in landmarks], np.float32)
            visibility = np.array([p.visibility for p in landmarks], np.float32).clip(0, 1)
            return FoundPose(joints[chosen], visibility[chosen], points[chosen])

        yield detect
