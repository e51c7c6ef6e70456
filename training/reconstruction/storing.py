"""What is kept of a picture: a smaller one, what the network found in it, and the truth."""

import numpy as np

from model.silhouette.people import Person
from training.datasets.shader_truth import ShaderTruth
from training.datasets.shrinking import shrink
from training.reconstruction.stored_people import StoredPerson
from training.reconstruction.truth import looseness, truth_of


def stored(
    image: np.ndarray,
    confidence: np.ndarray,
    masks: tuple[np.ndarray, np.ndarray],
    person: Person,
    known: tuple[ShaderTruth, int, np.ndarray],
    side: int,
) -> StoredPerson:
    """What is kept of a picture, in pixels of the smaller one.

    Args:
        image: (H, W, 3) uint8.
        confidence: (H, W) in [0, 1], found.
        masks: Dressed and naked, each (H, W) bool.
        person: As found.
        known: The subject's truth, the frame, and (2,) height and mass.
        side: Most pixels of its longer side.
    """
    subject, frame, stature = known
    size = (image.shape[0], image.shape[1])
    truth = truth_of(subject, frame, size)
    planes = [(confidence * 255 + 0.5).astype(np.uint8), *(m * np.uint8(255) for m in masks)]
    layers = shrink(np.dstack([image, *planes]), side)
    scale = np.array([layers.shape[1] / size[1], layers.shape[0] / size[0]], np.float32)
    return StoredPerson(
        layers=layers,
        box=person.box * np.tile(scale, 2),
        found=scaled_points(person.keypoints, scale),
        keypoints=scaled_points(truth.keypoints, scale),
        joints=truth.joints,
        betas=truth.betas,
        pose=truth.pose,
        transl=truth.transl,
        focal=np.array([truth.focal * float(scale.mean())], np.float32),
        stature=stature,
        looseness=np.array([looseness(*masks)], np.float32),
    )


def scaled_points(points: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Points (K, 3) whose x and y are multiplied by `scale` (2,)."""
    moved: np.ndarray = points * np.append(scale, 1).astype(np.float32)
    return moved
