"""Rendered people, as `data synth` writes them, with their joints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import AssetError, InvalidInputError
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.datasets.shader import iter_subjects, picture_path, read_rgba
from training.datasets.shader_truth import read_truth


@dataclass(frozen=True)
class RenderedPhoto(JointPhoto):
    """A rendered picture: its alpha is the person's silhouette and hides nothing."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB.

        Raises:
            FileNotFoundError: The picture is not there.
            InvalidInputError: It cannot be read.
        """
        return np.ascontiguousarray(read_rgba(self.path)[..., :3])


def open_rendered(folders: Sequence[Path]) -> JointPhotos:
    """Every frame of every subject; a subject is a sequence.

    Raises:
        FileNotFoundError: A folder does not exist.
        InvalidInputError: One is not in the SHADER layout, there is no frame, or the truth is
            damaged or has no keypoints of COCO.
    """
    photos = [photo for folder in folders for photo in _photos(folder)]
    if not photos:
        raise InvalidInputError(f"no frame in {', '.join(map(str, folders))}")
    return JointPhotos("rendered", photos)


def _photos(folder: Path) -> list[JointPhoto]:
    found: list[JointPhoto] = []
    for subject in iter_subjects(folder):
        try:
            truth = read_truth(subject)
        except AssetError as error:
            raise InvalidInputError(f"{subject.folder}: {error}") from error
        if truth.coco_keypoints is None:
            raise InvalidInputError(
                f"{subject.folder} has no COCO keypoints; those of `python -m training data synth` "
                "do"
            )
        for frame in subject.frames:
            # Those behind something and outside of the picture are known too.
            points = truth.coco_keypoints[frame].astype(np.float32)
            points[:, 2] = 1
            joints = (truth.joints3d[frame] * [1, -1, -1]).astype(np.float32)
            sequence = f"{folder.name}/{subject.key}"
            key = f"{sequence}/{frame}"
            path = picture_path(subject.folder, "dressed", frame)
            found.append(RenderedPhoto(path, points, sequence, key, joints))
    return found
