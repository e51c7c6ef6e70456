"""A silhouette network as it is served: its last map, and the maps of people where there are any.

B batch, H W input size, h w the map's size: all of it, or a quarter of it for an hourglass.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.torch_copy import served_copy
from model.silhouette.architectures import SilhouetteNetwork
from model.silhouette.lite import PEOPLE_CHANNELS, PEOPLE_STRIDE, LiteSilhouette

TOLERANCE = 0.01
"""How far apart a map and the one in float32 may be."""


JOINED_CHANNELS = PEOPLE_STRIDE**2 + PEOPLE_CHANNELS
"""Channels of a confidence map and maps of people in one tensor."""


class InferenceNetwork(nn.Module):
    """What a network says that is served, in one tensor."""

    def __init__(self, network: SilhouetteNetwork, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The map is float32 whatever this is.
        """
        super().__init__()
        self.dtype = dtype
        self.has_people = isinstance(network, LiteSilhouette) and network.people is not None
        self.network = served_copy(network, dtype)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Tensor:
        """The confidence in [0, 1], (B, 1, h, w); with a head for people what `split_maps` takes.

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        maps = self.network(images)
        confidence: Tensor = maps[-1][:, :1].float().clamp(0, 1)
        if not self.has_people:
            return confidence
        return torch.cat([F.pixel_unshuffle(confidence, PEOPLE_STRIDE), maps[0].float()], 1)


def split_maps(
    joined: Float[Tensor, "B C h w"],
) -> tuple[Float[Tensor, "B 1 H W"], Float[Tensor, "B P h2 w2"] | None]:
    """The confidence in [0, 1], and the maps of people or None.

    Args:
        joined: As `InferenceNetwork` gives it.
    """
    if joined.shape[1] != JOINED_CHANNELS:
        return joined, None
    confidence, people = joined.split([PEOPLE_STRIDE**2, PEOPLE_CHANNELS], 1)
    return F.pixel_shuffle(confidence, PEOPLE_STRIDE), people


def apart(found: Float[Tensor, "B C h w"], expected: Float[Tensor, "B C h w"]) -> float:
    """The largest difference between confidence maps, and between scores of people, in any cell."""
    differences = []
    for one, other in zip(split_maps(found), split_maps(expected), strict=True):
        if one is not None and other is not None:
            scores = [
                part[:, :-4].sigmoid() if part.shape[1] > 1 else part for part in (one, other)
            ]
            differences.append(float((scores[0] - scores[1]).abs().max()))
    return max(differences)
