"""A silhouette network as it is served: the same map, sooner.

B batch, H W input size, h w the map's size: all of it, or a quarter of it for an hourglass
without refinement.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.inference import narrowest_faithful, served_copy, split_for_device
from model.silhouette.architectures import SilhouetteNetwork
from model.silhouette.lite import LiteConfig
from model.silhouette.network import HourglassConfig

TOLERANCE = 0.01
"""Largest difference to the map in float32, at any pixel."""


class InferenceNetwork(nn.Module):
    """The last map of a network, and nothing that only training needs."""

    def __init__(self, network: SilhouetteNetwork, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The map is float32 whatever this is.
        """
        super().__init__()
        self.config: HourglassConfig | LiteConfig = network.config
        self.dtype = dtype
        self.network = served_copy(network, dtype)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 h w"]:
        """The confidence in [0, 1].

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        maps = [
            self.network(part)[-1][:, :1].float().clamp(0, 1) for part in split_for_device(images)
        ]
        return torch.cat(maps)


def fastest_faithful(network: SilhouetteNetwork, input_size: int) -> InferenceNetwork:
    """The network in the narrowest format that leaves its map as it is, else in float32.

    Args:
        network: On the device that it shall run on.
        input_size: Side of the pictures that it will see.
    """
    return narrowest_faithful(
        lambda dtype: InferenceNetwork(network, dtype),
        input_size,
        next(network.parameters()).device,
        lambda found, expected: float((found - expected).abs().max()),
        TOLERANCE,
    )
