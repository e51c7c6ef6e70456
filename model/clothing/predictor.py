"""Pictures in, garments out.

H W the picture's size, h w that of the network's map, C fine labels, G groups.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.clothing.inference import InferenceNetwork, fastest_faithful
from model.clothing.label_map import Placement, label_map
from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.errors import CheckpointError
from model.image import Letterbox
from model.staging import MapsOnTheWay, PreparedBatch, prepare_batch, preprocess

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


class ClothingPredictor:
    """A clothing network with the way from pictures and back around it.

    `predict_batch` is `prepare_batch`, `run_batch` and `finish_batch` in a row. Only the second
    needs the device, so others may do the first for the next batch, and the third for the one
    before, while it works.
    """

    def __init__(
        self,
        network: ClothingNetwork,
        input_size: int,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make the network as fast as the device allows without a change to what it says.

        Args:
            network: Copied, and moved to the device for that.
            input_size: Side of the square that pictures are letterboxed to.
            device: Where to run.
            header: Of the checkpoint that the network came from.
            dtype: What to compute in; None for the narrowest format that leaves the probabilities
                as they are.

        Raises:
            ValueError: The network has not one output for each fine label.
        """
        _check_labels(network.config)
        self.device = torch.device(device)
        network = network.to(self.device).eval()
        self.network = (
            fastest_faithful(network, input_size)
            if dtype is None
            else InferenceNetwork(network, dtype)
        )
        self.input_size = input_size
        self.header = header
        self._membership = _membership()

    @classmethod
    def from_checkpoint(cls, path: Path, device: torch.device | str = "cpu") -> "ClothingPredictor":
        """Rebuild the network that the checkpoint describes.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged or holds something else.
        """
        header, tensors = load_checkpoint(path, ARCHITECTURE)
        try:
            network = ClothingNetwork(ClothingConfig.from_json(header.config["network"]))
            _check_labels(network.config)
            input_size = int(header.config["input_size"])
            network.load_state_dict(tensors, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path.name} does not fit its network: {error}") from error
        return cls(network, input_size, device, header)

    def predict_batch(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    ) -> list[ClothingSegmentation]:
        """The garments of each picture, whatever their sizes and proportions.

        Args:
            images: RGB, upright, each side at least 16 pixels.

        Raises:
            InvalidInputError: A picture is too small.
        """
        if not images:
            return []
        return self.finish_batch(self.run_batch(self.prepare_batch(images)))

    def prepare_batch(self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> PreparedBatch:
        """Everything that can be done before the device is free.

        Args:
            images: As for `predict_batch`; at least one.

        Raises:
            InvalidInputError: A picture is too small.
        """
        return prepare_batch(images, self.input_size, self.device)

    def run_batch(self, prepared: PreparedBatch) -> MapsOnTheWay:
        """The device's own work. On CUDA it is queued, not awaited: the maps are on their way."""
        with torch.inference_mode():
            probabilities = self.network(prepared.on(self.device))
            return MapsOnTheWay.start(probabilities, prepared.letterboxes)

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


def _check_labels(config: ClothingConfig) -> None:
    if config.num_classes != len(FINE):
        raise ValueError(f"num_classes is {config.num_classes}; {len(FINE)} are needed")


def _membership() -> Float[Tensor, "C G"]:
    """One where a fine label belongs to a group: multiplied by it, probabilities are summed."""
    groups = torch.from_numpy(GROUP_OF.astype(np.int64))
    return F.one_hot(groups, len(GROUPED)).to(torch.float32)


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
    config = {"network": dataclasses.asdict(network.config), "input_size": input_size}
    header = dataclasses.replace(header, architecture=ARCHITECTURE, config=config)
    save_checkpoint(path, in_half_precision(network.state_dict()), header)
