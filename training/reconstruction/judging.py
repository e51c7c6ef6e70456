"""Validation of the regressor during a run.

B batch, V vertices, J joints.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from model.body.smpl import Smpl
from model.reconstruction.network import Estimates
from training.reconstruction.data import ReconstructionBatch
from training.reconstruction.losses import bodies_of

GOOD_MPJPE_MM = 100.0
"""Counts in the score as much as the mean body's PVE-T-SC."""


def judge_bodies(
    network: nn.Module, batches: Iterable[ReconstructionBatch], smpl: Smpl
) -> dict[str, float]:
    """Errors in millimetres of held-out people whose size is not given.

    `score` is minus the mean of PVE-T-SC over that of the mean body, and of MPJPE over 100 mm.

    Args:
        network: In evaluation mode.
        batches: Held-out.
        smpl: The reduced body.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        estimates: Estimates = network(*batch.inputs)
        with torch.autocast(batch.betas.device.type, enabled=False):
            bodies = bodies_of(smpl, estimates, batch)
            joints = [people.joints for people in (bodies.predicted, bodies.truth)]
            seen, true = (
                people.vertices - people.joints[:, :1]
                for people in (bodies.predicted, bodies.truth)
            )
            mean = smpl.shape(torch.zeros_like(batch.betas)).vertices
            errors = {
                "pve_t_sc": scale_corrected(bodies.shapes, bodies.true_shapes),
                "mean_body_pve_t_sc": scale_corrected(mean, bodies.true_shapes),
                "pve": apart(seen, true),
                "mpjpe": apart(*(points - points[:, :1] for points in joints)),
            }
        for name, values in errors.items():
            found.setdefault(name, []).append(1000 * values)
    judged = {name: float(torch.cat(values).mean()) for name, values in found.items()}
    parts = [judged["pve_t_sc"] / judged["mean_body_pve_t_sc"], judged["mpjpe"] / GOOD_MPJPE_MM]
    return judged | {"score": -float(np.mean(parts))}


def apart(points: Tensor, truth: Tensor) -> Tensor:
    """(B,) mean distance of corresponding points (B, V, 3)."""
    distances: Tensor = (points - truth).norm(dim=-1).mean(1)
    return distances


def scale_corrected(points: Tensor, truth: Tensor) -> Tensor:
    """(B,) likewise after position and size are taken out, as `model.body.metrics.pve_t_sc_mm`."""
    ours, theirs = (part - part.mean(1, keepdim=True) for part in (points, truth))
    sizes = [part.square().sum(2).mean(1).sqrt()[:, None, None] for part in (ours, theirs)]
    return apart(ours * sizes[1] / sizes[0], theirs)
