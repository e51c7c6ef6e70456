"""A tree of joints, bent.

B batch, J joints.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def rigid_transforms(
    rotations: Float[Tensor, "B J 3 3"], translations: Float[Tensor, "B J 3"]
) -> Float[Tensor, "B J 4 4"]:
    """Rotate, then translate, as homogeneous matrices."""
    upper = torch.cat([rotations, translations[..., None]], dim=-1)
    return F.pad(upper, (0, 0, 0, 1)) + _corner(upper)


def forward_kinematics(
    rotations: Float[Tensor, "B J 3 3"],
    rest_joints: Float[Tensor, "B J 3"],
    parents: Sequence[int],
) -> Float[Tensor, "B J 4 4"]:
    """Where each joint's frame comes to lie when every joint turns against its parent.

    Joints of equal depth are multiplied together: nine products for a body, not 24.

    Args:
        rotations: Of each joint, relative to its parent.
        rest_joints: Positions at rest, in metres.
        parents: Parent of each joint; -1 for the root, which comes first.
    """
    root, *others = parents
    assert root == -1
    assert all(0 <= parent <= index for index, parent in enumerate(others))
    indices = torch.tensor([0, *others], device=rest_joints.device)
    bones = rest_joints - rest_joints[:, indices]
    offsets = torch.cat([rest_joints[:, :1], bones[:, 1:]], dim=1)
    local = rigid_transforms(rotations, offsets)
    world: list[Tensor] = [local[:, 0]] * len(parents)
    for level in _levels(parents)[1:]:
        above = torch.stack([world[parents[joint]] for joint in level], dim=1)
        for position, transform in enumerate((above @ local[:, level]).unbind(dim=1)):
            world[level[position]] = transform
    return torch.stack(world, dim=1)


def rest_to_posed(
    world: Float[Tensor, "B J 4 4"], rest_joints: Float[Tensor, "B J 3"]
) -> Float[Tensor, "B J 4 4"]:
    """What a point that rides on each joint undergoes: its joint goes from rest to `world`.

    Args:
        world: From `forward_kinematics`.
        rest_joints: The positions that `world` was made from.
    """
    rotations = world[..., :3, :3]
    moved = (rotations @ rest_joints[..., None]).squeeze(-1)
    return rigid_transforms(rotations, world[..., :3, 3] - moved)


def _corner(like: Float[Tensor, "B J 3 4"]) -> Float[Tensor, "4 4"]:
    corner = like.new_zeros(4, 4)
    corner[3, 3] = 1
    return corner


def _levels(parents: Sequence[int]) -> list[list[int]]:
    depths: list[int] = []
    for parent in parents:
        depths.append(0 if parent < 0 else depths[parent] + 1)
    return [
        [joint for joint, depth in enumerate(depths) if depth == level]
        for level in range(max(depths) + 1)
    ]
