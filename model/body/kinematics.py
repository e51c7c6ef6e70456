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

    Every joint takes in its parent's transform, then that of the joint two above what it holds,
    then four above, and so on: four products for a body, not 24. No index is sent to the device.

    Source: Hillis and Steele, Data Parallel Algorithms, CACM 1986 (pointer jumping).

    Args:
        rotations: Of each joint, relative to its parent.
        rest_joints: Positions at rest, in metres.
        parents: Parent of each joint; -1 for the root, which comes first.
    """
    root, *others = parents
    assert root == -1
    assert all(0 <= parent <= index for index, parent in enumerate(others))
    joints = rest_joints.unbind(dim=1)
    # The root's bone begins at the origin.
    starts = [torch.zeros_like(joints[0]), *(joints[parent] for parent in others)]
    world = rigid_transforms(rotations, rest_joints - torch.stack(starts, dim=1))
    # Of each joint, the first one above that its transform does not hold yet.
    above = list(parents)
    while any(joint >= 0 for joint in above):
        held = world.unbind(dim=1)
        identity = torch.eye(4, dtype=world.dtype, device=world.device).expand_as(held[0])
        world = torch.stack([held[j] if j >= 0 else identity for j in above], dim=1) @ world
        above = [above[j] if j >= 0 else -1 for j in above]
    return world


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
