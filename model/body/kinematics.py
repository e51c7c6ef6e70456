"""A tree of joints, bent.

B batch, J joints; K one joint more and L levels of the tree: see `ancestors`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def rigid_transforms(
    rotations: Float[Tensor, "B J 3 3"], translations: Float[Tensor, "B J 3"]
) -> Float[Tensor, "B J 4 4"]:
    """Rotate, then translate, as homogeneous matrices."""
    upper = torch.cat([rotations, translations[..., None]], dim=-1)
    last_row = _identity(upper)[3:].expand(*upper.shape[:-2], 1, 4)
    return torch.cat([upper, last_row], dim=-2)


def ancestors(parents: Sequence[int]) -> Int[Tensor, "L K"]:
    """Of each joint, the one above it, the one two above, four above and so on.

    Past the root comes a joint of its own, number J, which is above itself too and never moves.

    Args:
        parents: Parent of each joint; -1 for the root, which comes first.
    """
    root, *others = parents
    assert root == -1
    assert all(0 <= parent <= index for index, parent in enumerate(others))
    unmoved = len(parents)
    above = torch.tensor([unmoved, *others, unmoved])
    levels = [above]
    while (above := above[above]).min() < unmoved:
        levels.append(above)
    return torch.stack(levels)


def forward_kinematics(
    rotations: Float[Tensor, "B J 3 3"],
    rest_joints: Float[Tensor, "B J 3"],
    ancestors: Int[Tensor, "L K"],
) -> Float[Tensor, "B J 4 4"]:
    """Where each joint's frame comes to lie when every joint turns against its parent.

    Every joint takes in its parent's transform, then that of the joint two above what it holds,
    then four above, and so on: four products for a body, not 24.

    Source: Hillis and Steele, Data Parallel Algorithms, CACM 1986 (pointer jumping).

    Args:
        rotations: Of each joint, relative to its parent.
        rest_joints: Positions at rest, in metres.
        ancestors: From the function of that name, on the same device.
    """
    # The root's bone begins at the origin.
    starts = F.pad(rest_joints, (0, 0, 0, 1)).index_select(1, ancestors[0, :-1])
    bones = rigid_transforms(rotations, rest_joints - starts)
    world = torch.cat([bones, _identity(bones).expand(len(bones), 1, 4, 4)], dim=1)
    for above in ancestors.unbind():
        world = world.index_select(1, above) @ world
    return world[:, :-1]


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


def _identity(like: Float[Tensor, "..."]) -> Float[Tensor, "4 4"]:
    return torch.eye(4, dtype=like.dtype, device=like.device)
