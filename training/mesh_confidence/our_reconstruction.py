"""Our own reconstruction of people in photos, with the observations that its meshes are judged by.

H W a photo's size, K points of a skeleton.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from model.errors import InvalidInputError
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.joints import to_joints
from model.mesh_confidence.observer import MeshObserver
from model.reconstruction.predictor import (
    PersonView,
    ReconstructionItem,
    ReconstructionPredictor,
)
from model.reconstruction.result import Reconstruction
from model.silhouette.people import Person, box_iou
from model.silhouette.predictor import SilhouettePredictor
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from training.mesh_confidence.estimators import Estimator

SAME_PERSON_IOU = 0.3
"""The person found whose box overlaps the true points' box so much is the one that is meant."""
SILHOUETTE, REGRESSOR = "silhouette.safetensors", "reconstruction.safetensors"


class Reconstructed(NamedTuple):
    """A person in a photo."""

    body: Reconstruction
    observation: MeshObservation
    confidence: np.ndarray
    """(H, W) float32."""


@dataclass(frozen=True)
class OurReconstruction:
    """Both networks, as the service runs them."""

    silhouettes: SilhouettePredictor
    regressor: ReconstructionPredictor
    observer: MeshObserver

    @classmethod
    def load(cls, checkpoints: Path, device: torch.device) -> "OurReconstruction":
        """Load a folder of checkpoints.

        Raises:
            FileNotFoundError: One is not there.
            CheckpointError: One is damaged.
            InvalidInputError: The silhouette network does not look for people.
        """
        silhouettes = SilhouettePredictor.from_checkpoint(checkpoints / SILHOUETTE, device)
        if not silhouettes.finds_people:
            raise InvalidInputError(f"{checkpoints / SILHOUETTE} does not look for people")
        regressor = ReconstructionPredictor.from_checkpoint(checkpoints / REGRESSOR, device)
        observer = MeshObserver(regressor.body, regressor.keypoint_weights)
        return cls(silhouettes, regressor, observer)

    def __call__(
        self, images: Sequence[np.ndarray], points: Sequence[np.ndarray | None]
    ) -> list[Reconstructed | None]:
        """One person in each photo; None where nobody was found.

        Args:
            images: (H, W, 3) uint8 RGB.
            points: (K, 3) x, y and whether each is known, of the person that is meant; None for
                the largest one.
        """
        seen = self.silhouettes.predict_batch(images)
        views: list[PersonView | None] = []
        for image, found, known in zip(images, seen, points, strict=True):
            person = chosen(found.people or (), known)
            if person is None:
                views.append(None)
            else:
                views.append(PersonView(image, person.box, person.keypoints, found.confidence))
        items = [ReconstructionItem((view,)) for view in views if view is not None]
        bodies = iter(self.regressor.predict_batch(items))
        results: list[Reconstructed | None] = []
        for view in views:
            if view is None:
                results.append(None)
                continue
            (body,) = next(bodies)
            assert view.confidence is not None
            observation = self.observer.observe(body, view.confidence)
            results.append(Reconstructed(body, observation, view.confidence))
        return results

    def points(self, body: Reconstruction, number: int) -> np.ndarray:
        """The mesh's points in the photo, (K, 2), in the layout of so many true points.

        Raises:
            InvalidInputError: The mesh has no such points.
        """
        if number == len(COCO_17_NAMES):
            places = self.regressor.keypoint_weights @ body.vertices
            return pixels(places, body)
        joints = pixels(body.joints, body)
        if number == len(SMPL_24_JOINT_NAMES):
            return joints
        if number == 14:
            return to_joints(joints[None], "joints")[0]
        raise InvalidInputError(f"a mesh has no counterparts of {number} true points")


def chosen(people: Sequence[Person], points: np.ndarray | None) -> Person | None:
    """The person whose box is that of the known points, or the largest one; None if there is none.

    Args:
        people: Found in a photo.
        points: (K, 3) x, y and whether each is known; None for the largest.
    """
    if points is None:
        return max(people, key=lambda person: float(np.prod(person.size)), default=None)
    known = points[points[:, 2] > 0, :2]
    if not len(known):
        return None
    box = np.concatenate([known.min(0), known.max(0)]).astype(np.float32)
    best = max(people, key=lambda person: box_iou(person.box, box), default=None)
    return best if best is not None and box_iou(best.box, box) >= SAME_PERSON_IOU else None


def pixels(points: np.ndarray, body: Reconstruction) -> np.ndarray:
    """(K, 2) of points (K, 3) in the camera's axes."""
    depth = np.maximum(points[:, 2:], 1e-6)
    found: np.ndarray = points[:, :2] * (body.focal_px / depth) + np.array(body.centre_px)
    return found


def reconstruction_estimator(checkpoints: Path, device: torch.device) -> Estimator:
    """Joints in metres of the largest person's body.

    Raises:
        FileNotFoundError, CheckpointError, InvalidInputError: As `OurReconstruction.load`.
    """
    ours = OurReconstruction.load(checkpoints, device)

    def estimate(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [
            np.full((14, 3), np.nan)
            if found is None
            else to_joints(found.body.joints[None], "joints")[0].astype(np.float64)
            for found in ours(images, [None] * len(images))
        ]

    return Estimator("reconstruction", "mm", estimate)
