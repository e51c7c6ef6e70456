"""The clothing networks' objective.

B batch, C labels, S W size of the samples, h w size of the logits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.clothing.labels import GROUP_OF, GROUPED
from training.clothing.data import UNKNOWN
from training.clothing.recipe import LossRecipe
from training.engine.distributed import total

Together = Callable[[Tensor], Tensor]
"""What adds a sum up over all processes."""


@dataclass(frozen=True)
class ClothingLoss:
    """Cross-entropy and soft overlaps at the logits' own size."""

    settings: LossRecipe
    class_weights: Tensor
    """(C,) what a pixel of each label counts."""

    def __call__(
        self, outputs: Sequence[Tensor], labels: Tensor, together: Together = total
    ) -> dict[str, Tensor]:
        """`loss`, the weighted mean over the heads, and the main head's parts.

        A mean, so that it can be compared with that of the main head alone.

        Args:
            outputs: (B, C, h, w) logits of each head, the main one first.
            labels: (B, S, W) ids; 255 where unknown.
            together: Adds up over the processes that share a batch; judging, one process is alone.
        """
        heads = [self._head(logits.float(), labels, together) for logits in outputs]
        weights = [1.0, *[self.settings.auxiliary] * (len(heads) - 1)]
        losses = [weight * head["loss"] for weight, head in zip(weights, heads, strict=True)]
        return heads[0] | {"loss": torch.stack(losses).sum() / sum(weights)}

    def _head(self, logits: Tensor, labels: Tensor, together: Together) -> dict[str, Tensor]:
        settings = self.settings
        truth = labels_at(labels, (logits.shape[-2], logits.shape[-1]))
        log_probabilities = logits.log_softmax(1)
        parts = {
            "cross_entropy": cross_entropy(
                log_probabilities,
                truth,
                self.class_weights.to(logits.device),
                settings.smoothing,
                together,
            )
        }
        loss = parts["cross_entropy"]
        if settings.overlap or settings.group_overlap:
            probabilities = log_probabilities.exp()
        if settings.overlap:
            parts["overlap"] = soft_jaccard_loss(probabilities, truth, together)
            loss = loss + settings.overlap * parts["overlap"]
        if settings.group_overlap:
            grouped, group_truth = in_groups(probabilities), groups_of(truth)
            parts["group_overlap"] = soft_jaccard_loss(grouped, group_truth, together)
            loss = loss + settings.group_overlap * parts["group_overlap"]
        return {"loss": loss, **parts}


def labels_at(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) int64: the label at each logit's centre."""
    return F.interpolate(labels[:, None], size, mode="nearest-exact")[:, 0].long()


def cross_entropy(
    log_probabilities: Tensor,
    truth: Tensor,
    class_weights: Tensor,
    smoothing: float,
    together: Together,
) -> Tensor:
    """Mean over the pixels that are known, each counting as its label does.

    Label smoothing: Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7.

    Args:
        log_probabilities: (B, C, h, w).
        truth: (B, h, w) int64; 255 where unknown.
        class_weights: (C,).
        smoothing: Share of the truth's probability that all labels have alike.
        together: Adds up over processes.
    """
    known = truth != UNKNOWN
    ids = truth.where(known, 0)
    weights = class_weights[ids] * known
    of_truth = log_probabilities.gather(1, ids[:, None])[:, 0]
    values = (1 - smoothing) * of_truth + smoothing * log_probabilities.mean(1)
    return -together((weights * values).sum()) / together(weights.sum()).clamp_min(1e-6)


def soft_jaccard_loss(probabilities: Tensor, truth: Tensor, together: Together) -> Tensor:
    """One minus the mean overlap of probability and truth, over the labels that are in the batch.

    Source: Rahman, Wang, Optimizing Intersection-Over-Union in Deep Neural Networks for Image
    Segmentation, ISVC 2016, equations 3 to 5.

    Args:
        probabilities: (B, C, h, w).
        truth: (B, h, w) int64; 255 where unknown.
        together: Adds up over processes.
    """
    num_labels = probabilities.shape[1]
    known = (truth != UNKNOWN).to(probabilities.dtype)
    ids = truth.where(truth != UNKNOWN, 0)
    of_truth = probabilities.gather(1, ids[:, None])[:, 0] * known
    empty = probabilities.new_zeros(num_labels)
    common = together(empty.index_add(0, ids.flatten(), of_truth.flatten()))
    area = together(empty.index_add(0, ids.flatten(), known.flatten()))
    claimed = together(torch.einsum("bchw,bhw->c", probabilities, known))
    present = area > 0
    overlaps = common / (claimed + area - common).clamp_min(1e-6)
    return 1 - (overlaps * present).sum() / present.sum().clamp_min(1)


def in_groups(probabilities: Tensor) -> Tensor:
    """(B, G, h, w): each group's probability is the sum of its fine labels'."""
    shape = (probabilities.shape[0], len(GROUPED), *probabilities.shape[2:])
    groups = torch.from_numpy(GROUP_OF.astype(np.int64)).to(probabilities.device)
    return probabilities.new_zeros(shape).index_add(1, groups, probabilities)


def groups_of(labels: Tensor) -> Tensor:
    """The group of each label; unknown ones stay unknown.

    Args:
        labels: Any shape, int64.
    """
    table = torch.full((256,), UNKNOWN, dtype=torch.int64)
    table[: len(GROUP_OF)] = torch.from_numpy(GROUP_OF.astype(np.int64))
    return table.to(labels.device)[labels]


def class_weights(counts: np.ndarray, settings: LossRecipe) -> Tensor:
    """(C,) float32: what a pixel of each label counts, 1 for the commonest.

    Args:
        counts: (C,) pixels of each label in the photos to learn from.
        settings: The power and the limit.
    """
    shares = np.maximum(counts, 1) / counts.max()
    weights = np.minimum(shares**-settings.class_power, settings.class_limit)
    return torch.from_numpy(weights.astype(np.float32))
