"""Meshes beside keypoints in, trust out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from model.checkpoint import CheckpointHeader, load_checkpoint, save_checkpoint
from model.errors import CheckpointError
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.network import (
    MeshConfidenceConfig,
    MeshConfidenceNetwork,
    TrustEnsemble,
    build_network,
)

ARCHITECTURE = "mesh-confidence"
GOOD_ERROR = 0.1
"""An error is small up to here, in units of half the crop: 11 pixels of a crop of 224."""

EXAMPLE = MeshObservation(
    np.stack([np.arange(14), np.arange(14) % 5], 1).astype(np.float32), np.ones((14, 3), np.float32)
)
"""An observation of nobody, to warm a predictor with."""


@dataclass(frozen=True)
class MeshConfidence:
    """How far to trust a mesh and its parts."""

    mesh: float
    """Probability that no joint's error is above `GOOD_ERROR`."""
    joints: Float32[np.ndarray, "14"]
    """Probability that the joint's error is at most `GOOD_ERROR`."""
    worst: Float32[np.ndarray, "14"]
    """Probability that the joint has the largest error; they sum to one."""

    @property
    def is_good(self) -> bool:
        """The verdict on the whole mesh."""
        return self.mesh > 0.5


class MeshConfidencePredictor:
    """A trust ensemble with the way from meshes and keypoints to it."""

    def __init__(
        self,
        network: TrustEnsemble,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.header = header

    @classmethod
    def from_checkpoint(
        cls, path: Path, device: torch.device | str = "cpu"
    ) -> "MeshConfidencePredictor":
        """Rebuild the network that the checkpoint describes.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged, or holds something else than a trust ensemble.
        """
        network, header = load_network(path)
        if not isinstance(network, TrustEnsemble):
            raise CheckpointError(
                f"{path.name} holds a {network.config.name}, which judges one thing only; a "
                "trust_ensemble is needed"
            )
        return cls(network, device, header)

    def predict_batch(self, items: Sequence[MeshObservation]) -> list[MeshConfidence]:
        """A judgement for each item.

        Raises:
            InvalidInputError: Projected joints are not finite or all at one place, or a crop is
                empty.
        """
        if not items:
            return []
        features = torch.from_numpy(np.stack([item.features() for item in items]))
        with torch.inference_mode():
            judged = self.network(features.to(self.device))
            good, joints = judged.good.sigmoid().tolist(), judged.joints.sigmoid().cpu().numpy()
            worst = judged.worst.exp().cpu().numpy()
        return [
            MeshConfidence(good[index], joints[index], worst[index]) for index in range(len(items))
        ]


def load_network(path: Path) -> tuple[MeshConfidenceNetwork, CheckpointHeader]:
    """A checkpoint's network, on the CPU and ready to judge, and its header.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged or holds something else.
    """
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    try:
        network = build_network(MeshConfidenceConfig(**header.config["network"]))
        network.load_state_dict(tensors, strict=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path.name} does not fit its network: {error}") from error
    return network.eval(), header


def save_mesh_confidence_checkpoint(
    path: Path, network: MeshConfidenceNetwork, header: CheckpointHeader
) -> None:
    """Write what `MeshConfidencePredictor.from_checkpoint` and `load_network` read.

    Args:
        path: Where to.
        network: Its weights, on any device. They stay in float32: they are few.
        header: `architecture` and `config` are filled in here.
    """
    described = {"network": dataclasses.asdict(network.config)}
    header = dataclasses.replace(header, architecture=ARCHITECTURE, config=described)
    save_checkpoint(path, network.state_dict(), header)
