"""Pictures in, confidence maps out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import CheckpointError
from model.silhouette.architectures import (
    ARCHITECTURES,
    SilhouetteNetwork,
    architecture_of,
    build,
)
from model.silhouette.inference import InferenceNetwork, fastest_faithful
from model.staging import MapsOnTheWay, PreparedBatch, prepare_batch, preprocess

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


class SilhouettePredictor:
    """A silhouette network with the way from pictures and back around it.

    `predict_batch` is `prepare_batch`, `run_batch` and `finish_batch` in a row. Only the second
    needs the device, so others may do the first for the next batch, and the third for the one
    before, while it works.
    """

    def __init__(
        self,
        network: SilhouetteNetwork,
        input_size: int,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make the network as fast as the device allows without a change to its map.

        Args:
            network: Copied, and moved to the device for that.
            input_size: Side of the square that pictures are letterboxed to.
            device: Where to run.
            header: Of the checkpoint that the network came from.
            dtype: What to compute in; None for the narrowest format that leaves the map as it is.
        """
        self.device = torch.device(device)
        network = network.to(self.device).eval()
        self.network = (
            fastest_faithful(network, input_size)
            if dtype is None
            else InferenceNetwork(network, dtype)
        )
        self.input_size = input_size
        self.header = header

    @classmethod
    def from_checkpoint(
        cls, path: Path, device: torch.device | str = "cpu"
    ) -> "SilhouettePredictor":
        """Rebuild the network that the checkpoint describes.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged or holds something else.
        """
        header, tensors = load_checkpoint(path, *ARCHITECTURES)
        try:
            network = build(header.architecture, header.config["network"])
            input_size = int(header.config["input_size"])
            network.load_state_dict(tensors, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path.name} does not fit its network: {error}") from error
        return cls(network, input_size, device, header)

    def predict_batch(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    ) -> list[SilhouetteConfidence]:
        """A map for each picture, whatever their sizes and proportions.

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
            maps = self.network(prepared.on(self.device))
            return MapsOnTheWay.start(maps, prepared.letterboxes)

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
    config = {"network": dataclasses.asdict(network.config), "input_size": input_size}
    architecture = architecture_of(network)
    header = dataclasses.replace(header, architecture=architecture, config=config)
    save_checkpoint(path, in_half_precision(network.state_dict()), header)
