"""The objectives of confidence maps, and of maps of people.

B batch, H W the input's size, h w a stack's size, K output channels, S stacks.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from model.silhouette.people import NUM_KEYPOINTS
from training.engine.distributed import num_processes, total, weighted_mean
from training.scenes.people_maps import PeopleMaps


def hourglass_loss(
    outputs: Sequence[Tensor],
    confidence: Tensor,
    mask: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error of both channels of every stack, the second one inverted.

    For each output, at its own resolution, with c the confidence and n the mask:
    mean((c n - p1)^2) + mean((c n - (1 - p2))^2); summed over the stacks. A network of one channel
    has the first part alone.

    What n is decides what is learned. With the naked silhouette, c n is the body alone: the decay
    in cloth, which is what sets a confidence map apart from a body mask, is multiplied by zero.
    With the dressed silhouette, c n is c itself. Both are valid here; the recipe says which.

    c n is formed before it is averaged down. The average of a product is what a soft silhouette
    looks like from afar; the product of two averages would be its square at every edge, and would
    pull the outline of a bare arm inwards by a fifth of a cell.

    Source: the project's reference notebook, `hourglass_loss`.

    Args:
        outputs: Of the stacks, each (B, 2, h, w) or (B, 1, h, w).
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
        error = (wanted - predicted[:, 0:1]) ** 2
        if predicted.shape[1] > 1:
            error = error + (wanted - (1 - predicted[:, 1:2])) ** 2
        total = total + weighted_mean(error, known)
    return total


def overlap_loss(
    predicted: Tensor, confidence: Tensor, mask: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy and soft overlap of a map, at its own resolution.

    With t = c n as above and p the map, over what is known: the mean of
    -t log p - (1 - t) log(1 - p), plus the mean over the batch of one minus the soft overlap,
    1 - (|t + p| - |t - p|) / (|t + p| + |t - p|), in which |.| sums over a picture. The first has
    its least at p = t in every pixel; the second counts a small person as much as a large one, and
    is one minus the intersection over union where both maps are 0 or 1.

    Source: Wang et al., Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels,
    NeurIPS 2023, arXiv 2302.05666 (the second part).

    Args:
        predicted: (B, 1, H, W) in [0, 1], float32 or float64.
        confidence: (B, 1, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        weight: (B, 1, H, W), how much each pixel counts; all ones where it is left out.
    """
    target = (confidence * mask).to(predicted.dtype)
    if weight is None:
        weight = torch.ones_like(target)
    # In a half precision 1 - 1e-6 is 1, and its logarithm infinite.
    with torch.autocast(predicted.device.type, enabled=False):
        inside = predicted.clamp(1e-6, 1 - 1e-6)
        entropy = -target * inside.log() - (1 - target) * (1 - inside).log()
        return weighted_mean(entropy, weight) + (1 - soft_overlap(target, predicted, weight)).mean()


def soft_overlap(target: Tensor, predicted: Tensor, weight: Tensor) -> Tensor:
    """(|t + p| - |t - p|) / (|t + p| + |t - p|) for each picture, (B,); see `overlap_loss`."""
    joined = (weight * (target + predicted)).sum((1, 2, 3))
    apart = (weight * (target - predicted).abs()).sum((1, 2, 3))
    # One pixel more on both sides of the fraction: nobody there and none found is a full match.
    return (joined - apart + 1) / (joined + apart + 1)


def average_down(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean over the area of each cell, (B, 1, H, W) to (B, 1, h, w)."""
    if maps.shape[-2:] == size:
        return maps
    return F.adaptive_avg_pool2d(maps, size)


def heat_loss(logits: Tensor, truth: PeopleMaps) -> Tensor:
    """Focal losses of heat maps, over what is known: of keypoints, plus of box centres.

    Each is divided by the number of its own peaks: a person has one centre and up to 17 keypoints,
    and shall count as much as all of them.

    Source: Law, Deng, CornerNet, ECCV 2018, equation 1, as in Objects as Points.

    Args:
        logits: (B, K + 1, h, w).
        truth: Of the same pictures.
    """
    logits = logits.float()
    found = logits.sigmoid()
    peak = truth.heat == 1
    positive = (1 - found) ** 2 * F.logsigmoid(logits)
    negative = (1 - truth.heat) ** 4 * found**2 * F.logsigmoid(-logits)
    per_cell = torch.where(peak, positive, negative) * truth.known
    # Over the peaks of all processes, as in `weighted_mean`.
    counted = total((peak & truth.known).sum((0, 2, 3)).to(logits.dtype))
    lost = -per_cell.sum((0, 2, 3)) * num_processes()
    kinds = slice(0, NUM_KEYPOINTS), slice(NUM_KEYPOINTS, None)
    losses = [lost[kind].sum() / counted[kind].sum().clamp_min(1) for kind in kinds]
    return torch.stack(losses).sum()


def box_loss(logarithms: Tensor, truth: PeopleMaps) -> Tensor:
    """Mean absolute error of the logarithms of distances, where there is a box.

    Args:
        logarithms: (B, 4, h, w).
        truth: Of the same pictures.
    """
    apart = (logarithms.float() - truth.distances).abs()
    return weighted_mean(apart, truth.has_box[:, None].expand_as(apart).to(apart.dtype))
