"""A few points of a body, for what needs its gradient often and its whole surface never.

B bodies, N betas, J joints, P points, O of them that were asked for, K keypoints, V vertices.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from model.body.kinematics import forward_kinematics, rest_to_posed
from model.body.skinning import linear_blend_skinning
from model.body.smpl import Smpl
from model.reconstruction.decode import y_up_to_camera

LEAST_WEIGHT = 1e-3
"""Vertices that a keypoint depends on less are left out."""


class BodyPoints(nn.Module):
    """Chosen vertices of a body model, and keypoints that are weighted sums of some of them."""

    points: Tensor
    """(P, 3) of the mean body."""
    shapedirs: Tensor
    """(P * 3, N)"""
    posedirs: Tensor
    """(P * 3, F) for each pose feature, of which there may be none."""
    weights: Tensor
    """(P, J) skinning weights."""
    keypoint_weights: Tensor
    """(K, P)"""
    joint_template: Tensor
    joint_basis: Tensor
    ancestors: Tensor

    def __init__(
        self,
        smpl: Smpl,
        keypoint_weights: Float[Tensor, "K V"],
        others: Int[Tensor, "O"],  # noqa: F821
    ) -> None:
        """Take what the points need.

        Args:
            smpl: The body model.
            keypoint_weights: Rows sum to one.
            others: Further vertices; they come first.
        """
        super().__init__()
        sparse = sparsified(keypoint_weights.to(smpl.template))
        support = torch.nonzero(sparse.any(0))[:, 0]
        chosen = torch.cat([others.to(support.device), support])
        self.num_others = len(others)
        self.register_buffer("points", smpl.v_template[chosen])
        self.register_buffer("shapedirs", smpl.shapedirs[chosen].flatten(0, 1))
        self.register_buffer("posedirs", smpl.posedirs[chosen].flatten(0, 1))
        self.register_buffer("weights", smpl.lbs_weights[chosen])
        self.register_buffer("keypoint_weights", sparse[:, support])
        self.register_buffer("joint_template", smpl.joint_template)
        self.register_buffer("joint_basis", smpl.joint_basis)
        self.register_buffer("ancestors", smpl.ancestors)

    def forward(
        self,
        betas: Float[Tensor, "B N"],
        rotations: Float[Tensor, "B J 3 3"],
        pelvis: Float[Tensor, "B 3"],
    ) -> tuple[Float[Tensor, "B P 3"], Float[Tensor, "B K 3"]]:
        """The chosen vertices and the keypoints, in the camera's axes, in metres.

        Args:
            betas: Of each body.
            rotations: Of the joints relative to their parents, Y up.
            pelvis: Where it is, in the camera's axes.
        """
        joints = (self.joint_template + betas @ self.joint_basis).unflatten(1, (3, -1)).mT
        points = self.points + (betas @ self.shapedirs.T).unflatten(1, (-1, 3))
        if self.posedirs.shape[1]:
            features = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)
            points = points + (features @ self.posedirs.T).unflatten(1, (-1, 3))
        world = forward_kinematics(rotations, joints, self.ancestors)
        moved = linear_blend_skinning(points, rest_to_posed(world, joints), self.weights)
        placed = y_up_to_camera(moved - joints[:, :1]) + pelvis[:, None]
        chosen, support = placed[:, : self.num_others], placed[:, self.num_others :]
        return chosen, self.keypoint_weights @ support


def sparsified(keypoint_weights: Float[Tensor, "K V"]) -> Float[Tensor, "K V"]:
    """Without weights that are next to none; rows sum to one."""
    kept = torch.where(keypoint_weights.abs() < LEAST_WEIGHT, 0, keypoint_weights)
    return kept / kept.sum(1, keepdim=True)
