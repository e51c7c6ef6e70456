"""Pictures in, confidence maps out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from model.checkpoint import CheckpointHeader
from model.picture_predictor import PicturePredictor, save_network
from model.silhouette.architectures import (
    ARCHITECTURES,
    SilhouetteNetwork,
    architecture_of,
    build,
)
from model.silhouette.inference import TOLERANCE, InferenceNetwork, apart
from model.staging import MapsOnTheWay, preprocess

__all__ = [
    "ARCHITECTURES",
    "SilhouetteConfidence",
    "SilhouettePredictor",
    "preprocess",
    "save_silhouette_checkpoint",
]


@dataclass(frozen=True)
class SilhouetteConfidence:
    """A confidence map."""

    confidence: Float32[np.ndarray, "H W"]
    """In [0, 1], at the picture's own size."""


class SilhouettePredictor(
    PicturePredictor[SilhouetteNetwork, InferenceNetwork, SilhouetteConfidence]
):
    """A silhouette network with the way from pictures and back around it."""

    ARCHITECTURES = ARCHITECTURES
    TOLERANCE = TOLERANCE
    apart = staticmethod(apart)

    @staticmethod
    def rebuilt(header: CheckpointHeader) -> SilhouetteNetwork:
        """The network that a header describes."""
        return build(header.architecture, header.config["network"])

    @staticmethod
    def served(network: SilhouetteNetwork, dtype: torch.dtype) -> InferenceNetwork:
        """PyTorch's copy in one format."""
        return InferenceNetwork(network, dtype)

    def finish_batch(self, raw: MapsOnTheWay) -> list[SilhouetteConfidence]:
        """The maps at the sizes of their pictures."""
        with torch.inference_mode():
            maps = raw.arrived()
            return [
                # Interpolation may leave [0, 1] by a rounding error.
                SilhouetteConfidence(
                    letterbox.invert(maps[index : index + 1])[0, 0].clamp(0, 1).numpy()
                )
                for index, letterbox in enumerate(raw.letterboxes)
            ]


def save_silhouette_checkpoint(
    path: Path, network: SilhouetteNetwork, input_size: int, header: CheckpointHeader
) -> None:
    """Write what `SilhouettePredictor.from_checkpoint` reads; weights are kept in half precision.

    Args:
        path: Where to.
        network: Its weights, on any device.
        input_size: Side of the square that pictures are letterboxed to.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    save_network(path, network, architecture_of(network), network.config, input_size, header)
