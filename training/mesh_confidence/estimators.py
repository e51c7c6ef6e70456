"""What a sensitivity analysis asks: pictures in, 14 joints out.

N pictures, J = 14 joints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from model.errors import InvalidInputError
from model.mesh_confidence.features import is_found
from model.mesh_confidence.joints import LEFT_HIP, RIGHT_HIP, to_joints
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouettePredictor

Unit = Literal["mm", "pixel"]


@dataclass(frozen=True)
class Estimator:
    """An estimator of the joints of the one person in a picture."""

    name: str
    unit: Unit
    """mm: joints are (14, 3) in metres, and errors are those of joints aligned at the hips. pixel:
    joints are (14, 2) in pixels."""
    estimate: Callable[[Sequence[np.ndarray]], list[np.ndarray]]
    """Joints of each picture, (H, W, 3) uint8 RGB; NaN where a joint was not found."""

    def errors(self, found: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Distance of each joint, (14,) in the estimator's unit; NaN where either is unknown."""
        offsets, scale = found - truth, 1.0
        if self.unit == "mm":
            offsets, scale = offsets - _root(found) + _root(truth), 1000.0
        distances: np.ndarray = scale * np.linalg.norm(offsets, axis=-1)
        return distances


def _root(joints: np.ndarray) -> np.ndarray:
    root: np.ndarray = (joints[RIGHT_HIP] + joints[LEFT_HIP]) / 2
    return root


def keypoint_joints(people: Sequence[Person] | None) -> np.ndarray:
    """(14, 2) of the largest person; NaN where there is nobody, or a keypoint was not found."""
    if not people:
        return np.full((14, 2), np.nan, np.float32)
    person = max(people, key=lambda one: float(np.prod(one.size)))
    joints = to_joints(person.keypoints[None], "keypoints")[0]
    found: np.ndarray = np.where(is_found(joints)[:, None], joints[:, :2], np.nan)
    return found


def keypoint_estimator(checkpoint: Path, device: torch.device) -> Estimator:
    """The keypoints of the silhouette network's largest person.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        CheckpointError: It is damaged.
        InvalidInputError: Its network does not look for people.
    """
    predictor = SilhouettePredictor.from_checkpoint(checkpoint, device)
    if not predictor.finds_people:
        raise InvalidInputError(f"{checkpoint} does not look for people, and has no keypoints")

    def estimate(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [keypoint_joints(one.people) for one in predictor.predict_batch(images)]

    return Estimator("keypoints", "pixel", estimate)
