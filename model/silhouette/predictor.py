"""Pictures in, confidence maps out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from model.checkpoint import CheckpointHeader, load_checkpoint, save_checkpoint
from model.errors import CheckpointError
from model.image import Letterbox, image_to_tensor
from model.silhouette.network import HourglassConfig, StackedHourglass

ARCHITECTURE = "stacked-hourglass"


def preprocess(
    image: UInt8[np.ndarray, "h w 3"], input_size: int
) -> tuple[Float[Tensor, "1 3 {input_size} {input_size}"], Letterbox]:
    """The network's view of a picture, and the way back. Training sees pictures through this too.

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    tensor = image_to_tensor(image)
    letterbox = Letterbox.fit((image.shape[0], image.shape[1]), (input_size, input_size))
    return letterbox.apply(tensor), letterbox


@dataclass(frozen=True)
class SilhouetteConfidence:
    """A confidence map."""

    confidence: Float32[np.ndarray, "H W"]
    """In [0, 1], at the picture's own size."""


class SilhouettePredictor:
    """A silhouette network with the way from pictures and back around it."""

    def __init__(
        self,
        network: StackedHourglass,
        input_size: int,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
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
        header, tensors = load_checkpoint(path, ARCHITECTURE)
        try:
            network = StackedHourglass(HourglassConfig(**header.config["network"]))
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
        prepared = [preprocess(image, self.input_size) for image in images]
        batch = torch.cat([tensor for tensor, _ in prepared]).to(self.device)
        with torch.inference_mode():
            maps = self.network(batch)[-1][:, :1].float().clamp(0, 1).cpu()
            return [
                SilhouetteConfidence(
                    letterbox.invert(maps[index : index + 1])[0, 0].clamp(0, 1).numpy()
                )
                for index, (_, letterbox) in enumerate(prepared)
            ]


def save_silhouette_checkpoint(
    path: Path, network: StackedHourglass, input_size: int, header: CheckpointHeader
) -> None:
    """Write what `SilhouettePredictor.from_checkpoint` reads.

    Args:
        path: Where to.
        network: Its weights, on any device.
        input_size: Side of the square that pictures are letterboxed to.
        header: `architecture` and `config` are filled in here.
    """
    config = {"network": dataclasses.asdict(network.config), "input_size": input_size}
    header = dataclasses.replace(header, architecture=ARCHITECTURE, config=config)
    save_checkpoint(path, network.state_dict(), header)
