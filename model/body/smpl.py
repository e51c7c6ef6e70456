"""The SMPL body: a shape and a pose to a mesh, in stages.

Source: Loper et al., SMPL: A Skinned Multi-Person Linear Model, SIGGRAPH Asia 2015, section 3.

B batch (1 stretches to the others'), V vertices, J joints, N betas.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.body.asset import NUM_JOINTS, SmplAsset
from model.body.kinematics import forward_kinematics, rest_to_posed
from model.body.rotation import axis_angle_to_matrix
from model.body.skinning import linear_blend_skinning


@dataclass(frozen=True)
class ShapedBody:
    """A person's own body, in the T-pose."""

    vertices: Float[Tensor, "B V 3"]
    joints: Float[Tensor, "B J 3"]


@dataclass(frozen=True)
class PosedBody:
    """A bent skeleton, and the T-pose vertices corrected for the bends, not moved yet."""

    vertices: Float[Tensor, "B V 3"]
    joints: Float[Tensor, "B J 3"]
    rest_to_posed: Float[Tensor, "B J 4 4"]


@dataclass(frozen=True)
class SmplMesh:
    """A person in a pose and a place, in metres."""

    vertices: Float[Tensor, "B V 3"]
    joints: Float[Tensor, "B J 3"]


class Smpl(nn.Module):
    """A body asset that takes betas and poses. Differentiable in all of them.

    `to` moves it to a device or to float64.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    J_regressor: Tensor
    lbs_weights: Tensor
    faces: Tensor

    def __init__(self, asset: SmplAsset) -> None:
        super().__init__()
        for name, tensor in asset.tensors().items():
            self.register_buffer(name, tensor)
        self.num_betas = asset.num_betas
        self.parents_list: tuple[int, ...] = tuple(asset.parents.tolist())

    def forward(
        self,
        betas: Float[Tensor, "#B N"],
        body_pose: Float[Tensor, "#B 23 3"] | None = None,
        global_orient: Float[Tensor, "#B 3"] | None = None,
        transl: Float[Tensor, "#B 3"] | None = None,
    ) -> SmplMesh:
        """All stages at once; what is left out is zero.

        Args:
            betas: Standard deviations from the mean shape. Missing ones are zero, more than the
                asset has are ignored.
            body_pose: Axis-angle in radians of joints 1 to 23, relative to their parents.
            global_orient: Axis-angle of the root; turns about the pelvis, not the origin.
            transl: In metres.
        """
        return self.skin(self.pose(self.shape(betas), body_pose, global_orient), transl)

    def shape(self, betas: Float[Tensor, "B N"]) -> ShapedBody:
        """Give the mean body a shape, and find the joints inside it."""
        betas = F.pad(betas, (0, self.num_betas - betas.shape[-1]))
        offsets = betas @ self.shapedirs.flatten(end_dim=1).T
        vertices = self.v_template + offsets.unflatten(-1, (-1, 3))
        return ShapedBody(vertices, self.J_regressor @ vertices)

    def pose(
        self,
        shaped: ShapedBody,
        body_pose: Float[Tensor, "#B 23 3"] | None = None,
        global_orient: Float[Tensor, "#B 3"] | None = None,
    ) -> PosedBody:
        """Bend the skeleton, and correct the surface for what skinning gets wrong in that pose."""
        zeros = shaped.joints.new_zeros(1, NUM_JOINTS, 3)
        root = zeros[:, 0] if global_orient is None else global_orient
        others = zeros[:, 1:] if body_pose is None else body_pose
        batch = max(shaped.joints.shape[0], root.shape[0], others.shape[0], key=_stretched)
        axis_angle = torch.cat(
            [root[:, None].expand(batch, 1, 3), others.expand(batch, NUM_JOINTS - 1, 3)], dim=1
        )
        vertices = shaped.vertices.expand(batch, -1, 3)
        rest_joints = shaped.joints.expand(batch, -1, 3)
        rotations = axis_angle_to_matrix(axis_angle)
        if self.posedirs.shape[-1] > 0:
            features = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(start_dim=1)
            offsets = features @ self.posedirs.flatten(end_dim=1).T
            vertices = vertices + offsets.unflatten(-1, (-1, 3))
        world = forward_kinematics(rotations, rest_joints, self.parents_list)
        return PosedBody(vertices, world[..., :3, 3], rest_to_posed(world, rest_joints))

    def skin(self, posed: PosedBody, transl: Float[Tensor, "#B 3"] | None = None) -> SmplMesh:
        """Let the surface follow the skeleton, and put the person in place."""
        vertices = linear_blend_skinning(posed.vertices, posed.rest_to_posed, self.lbs_weights)
        if transl is None:
            return SmplMesh(vertices, posed.joints)
        return SmplMesh(vertices + transl[:, None], posed.joints + transl[:, None])


def _stretched(size: int) -> int:
    # Broadcasting: a size of one gives way to any other, to none as well.
    return -1 if size == 1 else size
