"""What refiners are trained by.

The reference's objective is the sum of depth, bones, symmetry, confidence and camera with the
default weights of `LossWeights`; `across` and `velocity` are zero there.

B sequences of T frames.
"""

from dataclasses import dataclass, fields
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from model.pose_depth.network import Refinement
from model.pose_depth.skeleton import BONES, SYMMETRIC_BONES

LEAST_VISIBILITY = 0.1
"""Joints that are less visible count with this."""
WITHIN_M = 0.1
"""A joint that is closer to its place than this is right."""
ConfidenceTarget = Literal["relative", "within"]


@dataclass(frozen=True)
class LossWeights:
    """Factor of each part of the loss."""

    depth: float = 1.0
    """Of the error of z."""
    across: float = 0.0
    """Of the errors of x and y."""
    bones: float = 0.1
    symmetry: float = 0.05
    confidence: float = 0.1
    camera: float = 0.1
    velocity: float = 0.0
    """Of the error of the movement between frames of a sequence."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: One is negative, or depth is not positive.
        """
        for field in fields(self):
            if not getattr(self, field.name) >= 0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}; 0 is the least")
        if not self.depth > 0:
            raise ValueError("depth is 0; it must be positive")


def mean_of_frames(
    values: Float[Tensor, "B T *D"], present: Bool[Tensor, "B T"]
) -> Float[Tensor, ""]:
    """Mean over what is there."""
    return values[present].mean()


def position_loss(
    offsets: Float[Tensor, "B T 17 3"],
    wanted: Float[Tensor, "B T 17 3"],
    visibility: Float[Tensor, "B T 17"],
    present: Bool[Tensor, "B T"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean absolute error of z, and of x and y together, weighted by visibility.

    Args:
        offsets: That the network adds.
        wanted: From the joints that were found to the true ones.
        visibility: In [0, 1].
        present: Whether there is a frame.
    """
    errors = (offsets - wanted).abs() * visibility.clamp(min=LEAST_VISIBILITY)[..., None]
    return (
        mean_of_frames(errors[..., 2], present),
        mean_of_frames(errors[..., :2].sum(-1), present),
    )


def bone_lengths(joints: Float[Tensor, "*B 17 3"]) -> Float[Tensor, "*B 12"]:
    """Of `BONES`, in metres."""
    ends = torch.tensor(BONES, device=joints.device)
    between = joints[..., ends[:, 0], :] - joints[..., ends[:, 1], :]
    # Where both ends fall together the norm has no gradient.
    return between.square().sum(-1).clamp(min=1e-12).sqrt()


def bone_loss(
    joints: Float[Tensor, "B T 17 3"],
    truth: Float[Tensor, "B T 17 3"],
    present: Bool[Tensor, "B T"],
) -> Float[Tensor, ""]:
    """Mean absolute difference of the lengths of bones."""
    return mean_of_frames((bone_lengths(joints) - bone_lengths(truth)).abs(), present)


def symmetry_loss(
    joints: Float[Tensor, "B T 17 3"], present: Bool[Tensor, "B T"]
) -> Float[Tensor, ""]:
    """Mean absolute difference between left and right limbs."""
    lengths = bone_lengths(joints)
    left, right = (lengths[..., list(side)] for side in zip(*SYMMETRIC_BONES, strict=True))
    return mean_of_frames((left - right).abs(), present)


def confidence_loss(
    logits: Float[Tensor, "B T 17"],
    joints: Float[Tensor, "B T 17 3"],
    truth: Float[Tensor, "B T 17 3"],
    present: Bool[Tensor, "B T"],
    target: ConfidenceTarget,
) -> Float[Tensor, ""]:
    """How far the confidence is from what it should be.

    Args:
        logits: Of the confidence.
        joints: Refined; they get no gradient from here.
        truth: Where they should be.
        present: Whether there is a frame.
        target: `relative`, as the reference: squared error from 1 - error of z / greatest error in
            the batch. `within`: cross-entropy with whether the joint is within `WITHIN_M`.
    """
    errors = (joints - truth).detach()
    if target == "relative":
        depth = errors[..., 2].abs()
        wanted = 1 - depth / depth[present].max().clamp(min=1e-9)
        return mean_of_frames((logits.sigmoid() - wanted).square(), present)
    right = (errors.norm(dim=-1) < WITHIN_M).to(logits.dtype)
    return mean_of_frames(
        F.binary_cross_entropy_with_logits(logits, right, reduction="none"), present
    )


def camera_loss(
    found: Refinement,
    direction: Float[Tensor, "B T 3"],
    distance: Float[Tensor, "B T"],
    present: Bool[Tensor, "B T"],
) -> Float[Tensor, ""]:
    """One less the cosine of the angle, and a tenth of the squared relative error of the distance.

    Args:
        found: The direction and the distance that were predicted.
        direction: True one, in the frame of the torso.
        distance: True one, in metres.
        present: Whether there is a frame.
    """
    angles = 1 - (found.direction * direction).sum(-1)
    relative = ((found.distance - distance) / distance.clamp(min=1e-3)).square()
    return mean_of_frames(angles + 0.1 * relative, present)


def velocity_loss(
    joints: Float[Tensor, "B T 17 3"],
    truth: Float[Tensor, "B T 17 3"],
    seconds: Float[Tensor, "B T"],
    present: Bool[Tensor, "B T"],
    longest: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean absolute error of the movement from each frame to the next; 0 without neighbours.

    Args:
        joints: Refined.
        truth: Where they should be.
        seconds: Time of each frame.
        present: Whether there is a frame.
        longest: Frames that are further apart, in seconds, are no neighbours.
    """
    errors = joints - truth
    steps = (errors[:, 1:] - errors[:, :-1]).abs().mean((2, 3))
    near = present[:, 1:] & present[:, :-1] & (seconds.diff(dim=1) <= longest)
    return (steps * near).sum() / near.sum().clamp(min=1)
