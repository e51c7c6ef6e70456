"""A clothing network as it is served: its probabilities.

B batch, C labels, H W input size, h w the size of the network's logits.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.torch_copy import served_copy
from model.clothing.network import ClothingNetwork

TOLERANCE = 0.01
"""How far apart probabilities and those in float32 may be."""


class InferenceNetwork(nn.Module):
    """The probabilities of a clothing network's labels, and nothing that only training needs."""

    def __init__(self, network: ClothingNetwork, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The probabilities are float32 whatever this is.
        """
        super().__init__()
        self.dtype = dtype
        self.network = served_copy(network, dtype)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """How probable each label is; a pixel's add up to one and lie together in memory.

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        logits: Tensor = self.network(images)[0]
        return logits.permute(0, 2, 3, 1).float().softmax(-1).permute(0, 3, 1, 2)


def apart(found: Float[Tensor, "B C h w"], expected: Float[Tensor, "B C h w"]) -> float:
    """Probability that has moved to other labels, in the mean over the pixels.

    It is the total variation distance.
    """
    return float((found - expected).abs().sum(1).mean() / 2)
