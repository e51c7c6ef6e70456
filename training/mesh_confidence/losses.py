"""The objectives of mesh confidence, and how rows are changed while they are learned from.

B batch, M members.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from model.mesh_confidence.features import CHANNELS, DISTANCE, SCORE
from model.mesh_confidence.network import (
    LEAST_DISTANCE,
    LOG_ERROR_CENTRE,
    MeshConfidenceNetwork,
    TrustEnsemble,
)
from model.mesh_confidence.predictor import GOOD_ERROR
from model.skeletons import LSP_14_MIRRORED
from training.mesh_confidence.data import TrustBatch
from training.mesh_confidence.recipe import Augmentation, LossRecipe

OPTIONAL = tuple(CHANNELS.index(name) for name in ("residual", "low_confidence", "deviation"))


def is_good(errors: Tensor) -> Tensor:
    """Whether no joint's error is above 0.1, of (B, 14) errors: (B,) of 0 and 1."""
    return (errors.amax(-1) <= GOOD_ERROR).float()


def worst_joint(errors: Tensor) -> Tensor:
    """The joint with the largest error, of (B, 14) errors: (B,)."""
    return errors.argmax(-1)


def trust_loss(
    network: MeshConfidenceNetwork, batch: TrustBatch, weights: LossRecipe
) -> dict[str, Tensor]:
    """Weighted sum of what the network judges, each member of an ensemble by itself.

    Args:
        network: In training mode.
        batch: Rows.
        weights: Of the parts.
    """
    good, worst = is_good(batch.errors), worst_joint(batch.errors)
    parts: dict[str, Tensor] = {}
    if isinstance(network, TrustEnsemble):
        outputs = network.members(batch.features)
        members = len(outputs.good)
        small = (batch.errors <= GOOD_ERROR).float()
        errors = batch.errors.clamp(min=LEAST_DISTANCE).log() - LOG_ERROR_CENTRE
        parts["good"] = F.binary_cross_entropy_with_logits(outputs.good, good.expand(members, -1))
        parts["worst"] = F.cross_entropy(outputs.worst.flatten(0, 1), worst.repeat(members))
        parts["joints"] = F.binary_cross_entropy_with_logits(
            outputs.joints, small.expand(members, -1, -1)
        )
        parts["errors"] = F.mse_loss(outputs.log_errors, errors.expand(members, -1, -1))
    else:
        judged = network(batch.features)
        if judged.good is not None:
            parts["good"] = F.binary_cross_entropy_with_logits(judged.good, good)
        if judged.worst is not None:
            parts["worst"] = F.nll_loss(judged.worst, worst)
    total = torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
    return {"loss": total, **parts}


def varied(batch: TrustBatch, recipe: Augmentation) -> TrustBatch:
    """Rows mirrored, blurred and with optional channels hidden, by torch's generator."""
    features, errors = batch
    number, device = len(errors), errors.device
    if recipe.mirror_probability:
        mirror = list(LSP_14_MIRRORED)
        chosen = torch.rand(number, device=device) < recipe.mirror_probability
        features = torch.where(chosen[:, None, None], features[:, mirror], features)
        errors = torch.where(chosen[:, None], errors[:, mirror], errors)
    if recipe.noise:
        factors = torch.ones_like(features)
        noise = torch.randn(number, features.shape[1], 2, device=device) * recipe.noise
        factors[..., [DISTANCE, SCORE]] = noise.exp()
        features = features * factors
    if recipe.hidden_probability:
        hidden = torch.zeros(number, 1, features.shape[2], dtype=torch.bool, device=device)
        draws = torch.rand(number, 1, len(OPTIONAL), device=device)
        hidden[..., list(OPTIONAL)] = draws < recipe.hidden_probability
        features = features.masked_fill(hidden, float("nan"))
    return TrustBatch(features, errors)
