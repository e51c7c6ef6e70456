"""The objective of the regressor: how far a predicted body is from the true one.

B batch, N betas, J joints, V vertices.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.body.smpl import Smpl
from model.reconstruction.decode import PosedPeople, decode, posed
from model.reconstruction.network import Estimates
from training.reconstruction.data import ReconstructionBatch
from training.reconstruction.recipe import LossRecipe

MOST_OFFSET = 2.0
"""Half crops from which on a reprojection's error no longer grows: a joint behind the camera or far
aside would outweigh all others."""


class Bodies(NamedTuple):
    """Predicted people and true ones."""

    predicted: PosedPeople
    truth: PosedPeople
    shapes: Tensor
    """(B, V, 3) predicted, in T-pose."""
    true_shapes: Tensor


def bodies_of(smpl: Smpl, estimates: Estimates, batch: ReconstructionBatch) -> Bodies:
    """The bodies that estimates and truth describe.

    Args:
        smpl: The body, or the reduced one.
        estimates: Of the network.
        batch: With the truth.
    """
    return Bodies(
        decode(smpl, estimates, batch.cameras),
        posed(smpl, batch.betas, batch.rotations, batch.pelvis),
        smpl.shape(estimates.betas).vertices,
        smpl.shape(batch.betas).vertices,
    )


def body_losses(
    smpl: Smpl, estimates: Estimates, batch: ReconstructionBatch, weights: LossRecipe
) -> dict[str, Tensor]:
    """Every part times its weight, and their sum as `loss`.

    Args:
        smpl: The body, or the reduced one.
        estimates: Of the network.
        batch: With the truth.
        weights: Of the parts.
    """
    bodies = bodies_of(smpl, estimates, batch)
    predicted, truth = bodies.predicted, bodies.truth
    parts = {
        "betas": gaussian_loss(estimates.betas, estimates.log_variance, batch.betas),
        "shape": distance_loss(bodies.shapes, bodies.true_shapes),
        "vertices": distance_loss(
            predicted.vertices - predicted.joints[:, :1], truth.vertices - truth.joints[:, :1]
        ),
        "joints": distance_loss(
            predicted.joints - predicted.joints[:, :1], truth.joints - truth.joints[:, :1]
        ),
        "rotations": rotation_loss(predicted.rotations, truth.rotations),
        "reprojection": reprojection_loss(predicted.joints, truth.joints, batch),
        "camera": camera_loss(estimates.camera, batch),
    }
    weighted = {name: getattr(weights, name) * part for name, part in parts.items()}
    return {"loss": torch.stack([*weighted.values()]).sum(), **weighted}


def gaussian_loss(mean: Tensor, log_variance: Tensor, truth: Tensor) -> Tensor:
    """Mean negative logarithm of a normal density, without its constant.

    Source: Kendall, Gal, What Uncertainties Do We Need in Bayesian Deep Learning, NeurIPS 2017,
    equation 8.

    Args:
        mean: (B, N).
        log_variance: (B, N).
        truth: (B, N).
    """
    return 0.5 * (log_variance + (truth - mean).square() * (-log_variance).exp()).mean()


def distance_loss(points: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of corresponding points (B, V, 3), in metres."""
    # The gradient of a norm at zero is not defined.
    return ((points - truth).square().sum(-1) + 1e-8).sqrt().mean()


def rotation_loss(rotations: Tensor, truth: Tensor) -> Tensor:
    """Mean squared Frobenius norm of the difference, which is 4 - 4 cos of the angle between.

    Args:
        rotations: (B, J, 3, 3).
        truth: (B, J, 3, 3).
    """
    return (rotations - truth).square().sum((-2, -1)).mean()


def reprojection_loss(joints: Tensor, truth: Tensor, batch: ReconstructionBatch) -> Tensor:
    """Mean distance, in half crops, between where joints are seen and where they should be.

    Predicted joints are seen by the camera that serving assumes, true ones by the true camera.

    Args:
        joints: (B, J, 3) in the camera's axes.
        truth: (B, J, 3) likewise.
        batch: With the cameras.
    """
    assumed, true = batch.cameras, batch.true_cameras
    seen = assumed.over_crop(assumed.project(joints))
    wanted = true.over_crop(true.project(truth))
    offsets = ((seen - wanted).square().sum(-1) + 1e-8).sqrt()
    return offsets.clamp(max=MOST_OFFSET).mean()


def camera_loss(camera: Tensor, batch: ReconstructionBatch) -> Tensor:
    """Mean absolute error of the logarithm of the scale, and of the pelvis's place over the crop.

    Args:
        camera: (B, 3) as the network gives it.
        batch: With the true camera and place.
    """
    truth = batch.true_cameras.camera(batch.pelvis)
    scale = (camera[:, 0].log() - truth[:, 0].log()).abs()
    return scale.mean() + F.l1_loss(camera[:, 1:], truth[:, 1:])
