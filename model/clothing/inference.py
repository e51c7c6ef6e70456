"""A clothing network as it is served: the same probabilities, sooner.

B batch, C labels, H W input size, h w the size of the network's logits.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.clothing.network import ClothingConfig, ClothingNetwork
from model.inference import narrowest_faithful, served_copy, split_for_device

TOLERANCE = 0.01
"""Probability that may move to other labels than in float32, in the mean over the pixels."""


class InferenceNetwork(nn.Module):
    """The probabilities of a clothing network's labels, and nothing that only training needs."""

    def __init__(self, network: ClothingNetwork, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The probabilities are float32 whatever this is.
        """
        super().__init__()
        self.config: ClothingConfig = network.config
        self.dtype = dtype
        self.network = served_copy(network, dtype)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """How probable each label is; a pixel's add up to one and lie together in memory.

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        parts = [
            self.network(part)[0].permute(0, 2, 3, 1).float().softmax(-1)
            for part in split_for_device(images)
        ]
        return torch.cat(parts).permute(0, 3, 1, 2)


def fastest_faithful(network: ClothingNetwork, input_size: int) -> InferenceNetwork:
    """The network in the narrowest format that leaves its probabilities as they are, or float32.

    Args:
        network: On the device that it shall run on.
        input_size: Side of the pictures that it will see.
    """
    return narrowest_faithful(
        lambda dtype: InferenceNetwork(network, dtype),
        input_size,
        next(network.parameters()).device,
        # The total variation distance.
        lambda found, expected: float((found - expected).abs().sum(1).mean() / 2),
        TOLERANCE,
    )
