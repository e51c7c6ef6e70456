"""The SMPL body: a shape and a pose to a mesh, in stages.

Source: Loper et al., SMPL: A Skinned Multi-Person Linear Model, SIGGRAPH Asia 2015, section 3.

B batch (1 stretches to the others'), V vertices, J joints, N betas.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.body.asset import NUM_JOINTS, SmplAsset
from model.body.kinematics import ancestors, forward_kinematics, rest_to_posed
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

    A single body costs what it costs to read the blend shapes once. They lie in memory shape by
    shape, and within a shape all x before all y before all z, so that they are read in one sweep
    and skinning finds each coordinate in a row.
    """

    template: Tensor
    """(3V,) the mean body."""
    basis: Tensor
    """(N + P, 3V) its shape and pose blend shapes."""
    joint_template: Tensor
    """(3J,) the mean body's joints."""
    joint_basis: Tensor
    """(N, 3J) how each beta moves the joints."""
    J_regressor: Tensor
    """(J, V) joints as weighted sums of vertices."""
    weights: Tensor
    """(J, V) skinning weights."""
    faces: Tensor
    ancestors: Tensor
    """What `forward_kinematics` knows of the skeleton."""

    def __init__(self, asset: SmplAsset) -> None:
        super().__init__()
        self.num_betas = asset.num_betas
        directions = torch.cat([asset.shapedirs, asset.posedirs], dim=-1)
        self.register_buffer("template", asset.v_template.T.flatten())
        self.register_buffer("basis", directions.permute(2, 1, 0).flatten(start_dim=1))
        self.register_buffer("J_regressor", asset.J_regressor)
        self.register_buffer("weights", asset.lbs_weights.T.contiguous())
        self.register_buffer("faces", asset.faces)
        self.register_buffer("ancestors", ancestors(asset.parents.tolist()))
        self._regress_joints()

    @property
    def v_template(self) -> Float[Tensor, "V 3"]:
        """The mean body."""
        return self.template.view(3, -1).T

    @property
    def shapedirs(self) -> Float[Tensor, "V 3 N"]:
        """How one unit of each beta moves each vertex."""
        by_shape: Tensor = self.basis[: self.num_betas].unflatten(1, (3, -1))
        return by_shape.permute(2, 1, 0)

    @property
    def posedirs(self) -> Float[Tensor, "V 3 P"]:
        """How each entry of (joint rotations - identity) moves each vertex."""
        by_feature: Tensor = self.basis[self.num_betas :].unflatten(1, (3, -1))
        return by_feature.permute(2, 1, 0)

    @property
    def lbs_weights(self) -> Float[Tensor, "V J"]:
        """How far each vertex follows each joint; rows sum to one."""
        return self.weights.T

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Smpl":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # In float64 the joints shall be exact too, not float32 sums made wider.
        self._regress_joints()
        return self

    def _regress_joints(self) -> None:
        """Joints are linear in the betas, as vertices are: no need to sum over vertices again."""
        shapes = self.basis[: self.num_betas].unflatten(1, (3, -1))
        self.joint_template = (self.template.view(3, -1) @ self.J_regressor.T).flatten()
        self.joint_basis = (shapes @ self.J_regressor.T).flatten(start_dim=1)

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
        vertices = torch.addmm(self.template, betas, self.basis[: self.num_betas])
        joints = torch.addmm(self.joint_template, betas, self.joint_basis)
        return ShapedBody(_points(vertices), _points(joints))

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
        return self.rotate(shaped, axis_angle_to_matrix(axis_angle))

    def rotate(self, shaped: ShapedBody, rotations: Float[Tensor, "#B 24 3 3"]) -> PosedBody:
        """As `pose`, from rotation matrices.

        Args:
            shaped: From `shape`.
            rotations: Of all joints relative to their parents, the root first.
        """
        batch = max(len(shaped.joints), len(rotations), key=_stretched)
        vertices = shaped.vertices.expand(batch, -1, 3)
        rest_joints = shaped.joints.expand(batch, -1, 3)
        rotations = rotations.expand(batch, -1, 3, 3)
        if len(self.basis) > self.num_betas:
            features = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(start_dim=1)
            coordinates = vertices.transpose(1, 2).flatten(start_dim=1)
            vertices = _points(torch.addmm(coordinates, features, self.basis[self.num_betas :]))
        world = forward_kinematics(rotations, rest_joints, self.ancestors)
        return PosedBody(vertices, world[..., :3, 3], rest_to_posed(world, rest_joints))

    def skin(self, posed: PosedBody, transl: Float[Tensor, "#B 3"] | None = None) -> SmplMesh:
        """Let the surface follow the skeleton, and put the person in place."""
        if transl is None:
            vertices = linear_blend_skinning(posed.vertices, posed.rest_to_posed, self.lbs_weights)
            return SmplMesh(vertices, posed.joints)
        batch = max(len(posed.vertices), len(transl), key=_stretched)
        vertices = linear_blend_skinning(
            posed.vertices.expand(batch, -1, 3),
            posed.rest_to_posed.expand(batch, -1, 4, 4),
            self.lbs_weights,
            transl.expand(batch, 3),
        )
        return SmplMesh(vertices, posed.joints + transl[:, None])


def _points(coordinates: Float[Tensor, "B C"]) -> Float[Tensor, "B V 3"]:
    """All x, all y, all z of each body, seen as points."""
    by_axis: Tensor = coordinates.unflatten(1, (3, -1))
    return by_axis.transpose(1, 2)


def _stretched(size: int) -> int:
    # Broadcasting: a size of one gives way to any other, to none as well.
    return -1 if size == 1 else size
