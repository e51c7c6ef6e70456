"""The estimators of joints, by the names of the command line."""

from collections.abc import Callable
from pathlib import Path

import torch

from training.mesh_confidence.estimators import Estimator, keypoint_estimator
from training.mesh_confidence.our_reconstruction import reconstruction_estimator

ESTIMATORS: dict[str, Callable[[Path, torch.device], Estimator]] = {
    "keypoints": lambda folder, device: keypoint_estimator(
        folder / "silhouette.safetensors", device
    ),
    "reconstruction": reconstruction_estimator,
}


def load_estimator(name: str, checkpoints: Path, device: torch.device) -> Estimator:
    """An estimator of `ESTIMATORS` from a folder of checkpoints.

    Raises:
        FileNotFoundError: A checkpoint is not there.
        CheckpointError: One is damaged.
    """
    return ESTIMATORS[name](checkpoints, device)
