"""A generator as it is served: skeletons over time to pictures.

N frames, T skeletons that the network sees, S side of the pictures.
"""

import copy

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from model.backend.torch_copy import fold_batch_norms
from model.errors import InvalidInputError
from model.synthesis.network import Generator
from model.synthesis.skeletons import Skeletons

PER_BATCH = 16
"""Frames that the network draws at a time."""


def windows(
    points: Float32[np.ndarray, "N 13 2"], num_frames: int
) -> Float32[np.ndarray, "N {num_frames} 13 2"]:
    """For each frame the skeletons that the network sees, its own last.

    Before the first frame the first one is repeated.

    Args:
        points: Of consecutive frames.
        num_frames: T.
    """
    before = np.arange(len(points))[:, None] - np.arange(num_frames)[::-1]
    return points[np.maximum(before, 0)]


class DrawnFrames:
    """A generator for pictures alone: batch norms are part of the convolutions."""

    def __init__(
        self,
        generator: Generator,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Copy the generator; it is not changed.

        Args:
            generator: With its weights.
            device: Where to run.
            dtype: What convolutions compute in.
        """
        self.config = generator.config
        self.device, self.dtype = torch.device(device), dtype
        served = fold_batch_norms(copy.deepcopy(generator).eval()).requires_grad_(False)
        self._network = served.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def image_size(self) -> int:
        """S."""
        return self.config.image_size

    @property
    def frames_seen(self) -> int:
        """T."""
        return self.config.frames_seen

    def render(self, skeletons: Skeletons) -> UInt8[np.ndarray, "N S S 3"]:
        """A picture for each skeleton.

        Raises:
            InvalidInputError: A frame has no skeleton.
        """
        if not skeletons.is_there.all():
            raise InvalidInputError("a skeleton holds numbers that are not finite")
        seen = torch.from_numpy(windows(skeletons.points, self.config.frames_seen))
        with torch.inference_mode():
            return np.concatenate([self._draw(part) for part in seen.split(PER_BATCH)])

    def _draw(self, points: Float[Tensor, "B T 13 2"]) -> UInt8[np.ndarray, "B S S 3"]:
        narrow = self.dtype is not torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=narrow):
            pictures: Tensor = self._network(points.to(self.device))
        scaled = (pictures.float() * 255).round().clamp(0, 255).to(torch.uint8)
        pixels: np.ndarray = scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pixels
