"""A silhouette network as it is served: its last map.

B batch, H W input size, h w the map's size: all of it, or a quarter of it for an hourglass
without refinement.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.torch_copy import served_copy
from model.silhouette.architectures import SilhouetteNetwork

TOLERANCE = 0.01
"""How far apart a map and the one in float32 may be."""


class InferenceNetwork(nn.Module):
    """The last map of a network, and nothing that only training needs."""

    def __init__(self, network: SilhouetteNetwork, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The map is float32 whatever this is.
        """
        super().__init__()
        self.dtype = dtype
        self.network = served_copy(network, dtype)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 h w"]:
        """The confidence in [0, 1].

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        maps: Tensor = self.network(images)[-1][:, :1].float().clamp(0, 1)
        return maps


def apart(found: Float[Tensor, "B 1 h w"], expected: Float[Tensor, "B 1 h w"]) -> float:
    """The largest difference between maps, at any pixel."""
    return float((found - expected).abs().max())
