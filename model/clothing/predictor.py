"""Pictures in, garments out.

H W the picture's size, h w that of the network's map, C fine labels, G groups.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from model.checkpoint import CheckpointHeader
from model.clothing.inference import TOLERANCE, InferenceNetwork, apart
from model.clothing.label_map import Placement, label_map
from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.image import Letterbox
from model.picture_predictor import PicturePredictor, save_network
from model.staging import MapsOnTheWay, preprocess

__all__ = [
    "ARCHITECTURE",
    "ClothingPredictor",
    "ClothingSegmentation",
    "preprocess",
    "save_clothing_checkpoint",
]

ARCHITECTURE = "clothing-segmentation"


@dataclass(frozen=True)
class ClothingSegmentation:
    """What is worn at each pixel, at the picture's own size, by fine labels and by groups."""

    fine: UInt8[np.ndarray, "H W"]
    """Ids of `labels.FINE`."""
    fine_score: Float32[np.ndarray, "H W"]
    """Probability of that label, in [0, 1]."""
    grouped: UInt8[np.ndarray, "H W"]
    """Ids of `labels.GROUPED`. Not always the fine label's group: together a coat and a jacket may
    be more probable than a dress that is more probable than each."""
    grouped_score: Float32[np.ndarray, "H W"]
    """Probability of that group, in [0, 1]."""

    def within(self, region: Bool[np.ndarray, "H W"]) -> "ClothingSegmentation":
        """The same with label 0 outside of a region, where it is certain."""

        def cut(ids: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.where(region, ids, np.uint8(0)), np.where(region, scores, np.float32(1))

        return ClothingSegmentation(
            *cut(self.fine, self.fine_score), *cut(self.grouped, self.grouped_score)
        )


def _sums() -> Float[Tensor, "C G"]:
    """One where a fine label belongs to a group: multiplied by it, probabilities are summed."""
    groups = torch.from_numpy(GROUP_OF.astype(np.int64))
    return F.one_hot(groups, len(GROUPED)).to(torch.float32)


class ClothingPredictor(PicturePredictor[ClothingNetwork, InferenceNetwork, ClothingSegmentation]):
    """A clothing network with the way from pictures and back around it."""

    ARCHITECTURES = (ARCHITECTURE,)
    TOLERANCE = TOLERANCE
    apart = staticmethod(apart)
    _membership = _sums()

    @staticmethod
    def rebuilt(header: CheckpointHeader) -> ClothingNetwork:
        """The network that a header describes."""
        return ClothingNetwork(ClothingConfig.from_json(header.config["network"]))

    @staticmethod
    def served(network: ClothingNetwork, dtype: torch.dtype) -> InferenceNetwork:
        """PyTorch's copy in one format."""
        return InferenceNetwork(network, dtype)

    @staticmethod
    def check(network: ClothingNetwork) -> None:
        """Refuse a network without one output for each fine label."""
        num_classes = network.config.num_classes
        if num_classes != len(FINE):
            raise ValueError(f"num_classes is {num_classes}; {len(FINE)} are needed")

    def finish_batch(self, raw: MapsOnTheWay) -> list[ClothingSegmentation]:
        """The garments at the sizes of their pictures."""
        with torch.inference_mode():
            maps = raw.arrived().permute(0, 2, 3, 1)
            return [
                self._segmentation(probabilities, letterbox)
                for probabilities, letterbox in zip(maps, raw.letterboxes, strict=True)
            ]

    def _segmentation(
        self, probabilities: Float[Tensor, "h w C"], letterbox: Letterbox
    ) -> ClothingSegmentation:
        height, width, _ = probabilities.shape
        placement = Placement.of(letterbox, (height, width))
        cells = placement.cut(probabilities)
        fine, fine_score = label_map(cells, placement)
        grouped, grouped_score = label_map(cells @ self._membership, placement)
        return ClothingSegmentation(
            fine.numpy(),
            fine_score.clamp(0, 1).numpy(),
            grouped.numpy(),
            # A sum of probabilities may leave [0, 1] by a rounding error.
            grouped_score.clamp(0, 1).numpy(),
        )


def save_clothing_checkpoint(
    path: Path, network: ClothingNetwork, input_size: int, header: CheckpointHeader
) -> None:
    """Write what `ClothingPredictor.from_checkpoint` reads; weights are kept in half precision.

    Args:
        path: Where to.
        network: Its weights, on any device.
        input_size: Side of the square that pictures are letterboxed to.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    save_network(path, network, ARCHITECTURE, network.config, input_size, header)
