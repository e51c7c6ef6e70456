"""People in a picture as MediaPipe's Pose Landmarker finds them: keypoints and masks.

H W the picture's size.
"""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.errors import HabitusError, InvalidInputError
from training.datasets.coco_keypoints import coco_of_mediapipe

MOST_PEOPLE = 10
"""In one look at a picture."""


class FoundPerson(NamedTuple):
    """One person in a picture."""

    keypoints: np.ndarray
    """(17, 3) float32, as in `training.datasets.coco_keypoints`."""
    mask: np.ndarray
    """(H, W) uint8: 255 where the pixel surely shows the person."""
    score: float
    """Mean probability that the landmarks are in the picture, in [0, 1]."""


PeopleDetector = Callable[[np.ndarray], list[FoundPerson]]
"""From (H, W, 3) uint8 RGB."""


@contextmanager
def pose_landmarker(path: Path, **options: Any) -> Iterator[Callable[[np.ndarray], Any]]:
    """MediaPipe's Pose Landmarker for single pictures: RGB pixels in, MediaPipe's result out.

    Args:
        path: The landmarker's `.task` file.
        options: More of `PoseLandmarkerOptions`.

    Raises:
        HabitusError: mediapipe is not installed.
        InvalidInputError: It does not take the file.
    """
    if importlib.util.find_spec("mediapipe") is None:
        raise HabitusError("mediapipe is not installed; pip install -e '.[pose]' brings it")
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

    settings = vision.PoseLandmarkerOptions(
        # As bytes: a path is looked up beside mediapipe's own files on some systems.
        base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
        running_mode=vision.RunningMode.IMAGE,
        **options,
    )
    try:
        landmarker = vision.PoseLandmarker.create_from_options(settings)
    except (RuntimeError, ValueError) as error:
        raise InvalidInputError(f"{path} is no pose landmarker: {error}") from error

    def detect(image: np.ndarray) -> Any:
        pixels = np.ascontiguousarray(image)
        return landmarker.detect(Image(image_format=ImageFormat.SRGB, data=pixels))

    try:
        yield detect
    finally:
        landmarker.close()


@contextmanager
def people_detector(path: Path) -> Iterator[PeopleDetector]:
    """Finds up to MOST_PEOPLE people with their masks.

    Args:
        path: The landmarker's `.task` file.

    Raises:
        HabitusError: mediapipe is not installed, or does not take the file.
    """
    options = {"num_poses": MOST_PEOPLE, "output_segmentation_masks": True}
    with pose_landmarker(path, **options) as look:

        def detect(image: np.ndarray) -> list[FoundPerson]:
            result = look(image)
            masks = result.segmentation_masks or []
            return [
                _person(landmarks, mask.numpy_view(), (image.shape[0], image.shape[1]))
                for landmarks, mask in zip(result.pose_landmarks, masks, strict=True)
            ]

        yield detect


def _person(landmarks: Any, mask: np.ndarray, size: tuple[int, int]) -> FoundPerson:
    height, width = size
    points = np.array([(p.x * width, p.y * height, p.visibility) for p in landmarks], np.float32)
    points[:, 2] = points[:, 2].clip(0, 1)
    return FoundPerson(
        coco_of_mediapipe(points),
        (mask.reshape(size).clip(0, 1) * 255 + 0.5).astype(np.uint8),
        float(np.clip(np.mean([point.presence for point in landmarks]), 0, 1)),
    )
