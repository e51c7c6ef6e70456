"""The objective of the stacked hourglass.

B batch, H W the input's size, h w a stack's size, K output channels, S stacks.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def hourglass_loss(
    outputs: Sequence[Tensor],
    confidence: Tensor,
    mask: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error of both channels of every stack, the second one inverted.

    For each stack, at its own resolution, with c the confidence and n the mask:
    mean((c n - p1)^2) + mean((c n - (1 - p2))^2); summed over the stacks.

    What n is decides what is learned. With the naked silhouette, c n is the body alone: the decay
    in cloth, which is what sets a confidence map apart from a body mask, is multiplied by zero.
    With the dressed silhouette, c n is c itself. Both are valid here; the recipe says which.

    c n is formed before it is averaged down. The average of a product is what a soft silhouette
    looks like from afar; the product of two averages would be its square at every edge, and would
    pull the outline of a bare arm inwards by a fifth of a cell.

    Source: the project's reference notebook, `hourglass_loss`.

    Args:
        outputs: Of the network, each (B, 2, h, w).
        confidence: (B, 1, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        weight: (B, 1, H, W), how much each pixel counts; 0 where the truth is unknown. Means are
            over what is known. All ones where it is left out.
    """
    target = confidence * mask
    if weight is None:
        weight = torch.ones_like(target)
    total = outputs[0].new_zeros((), dtype=torch.promote_types(target.dtype, torch.float32))
    for output in outputs:
        size = (output.shape[-2], output.shape[-1])
        known = average_down(weight, size)
        # Where a cell is known in part, its target is the mean over that part.
        wanted = average_down(target * weight, size) / known.clamp_min(1e-6)
        predicted = output.to(wanted.dtype)
        first = (wanted - predicted[:, 0:1]) ** 2
        second = (wanted - (1 - predicted[:, 1:2])) ** 2
        total = total + (known * (first + second)).sum() / known.sum().clamp_min(1e-6)
    return total


def average_down(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean over the area of each cell, (B, 1, H, W) to (B, 1, h, w)."""
    if maps.shape[-2:] == size:
        return maps
    return F.adaptive_avg_pool2d(maps, size)
