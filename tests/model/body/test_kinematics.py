import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.body.kinematics import ancestors, forward_kinematics, rest_to_posed
from model.body.rotation import axis_angle_to_matrix
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS


def test_joints_lie_where_a_walk_up_the_tree_puts_them() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 24, 3, generator=generator, dtype=torch.float64)
    rest = torch.randn(3, 24, 3, generator=generator, dtype=torch.float64)
    world = forward_kinematics(
        axis_angle_to_matrix(vectors), rest, ancestors(SMPL_24_PARENTS)
    ).numpy()
    for body in range(3):
        for joint in range(24):
            # Carry the joint up to the root, turning about every joint on the way.
            point, turn, at = rest[body, joint].numpy(), Rotation.identity(), joint
            while at >= 0:
                rotation = Rotation.from_rotvec(vectors[body, at].numpy())
                centre = rest[body, at].numpy()
                point = rotation.apply(point - centre) + centre
                turn = rotation * turn
                at = SMPL_24_PARENTS[at]
            np.testing.assert_allclose(world[body, joint, :3, 3], point, atol=1e-12)
            np.testing.assert_allclose(world[body, joint, :3, :3], turn.as_matrix(), atol=1e-12)
            np.testing.assert_array_equal(world[body, joint, 3], [0, 0, 0, 1])


def test_a_tree_in_any_order_of_depths_is_walked() -> None:
    rest = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]]], dtype=torch.float64)
    quarter = axis_angle_to_matrix(torch.tensor([0.0, 0.0, torch.pi / 2], dtype=torch.float64))
    identity = torch.eye(3, dtype=torch.float64)
    rotations = torch.stack([identity, quarter, identity, identity])[None]
    world = forward_kinematics(rotations, rest, ancestors([-1, 0, 1, 0]))
    expected = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(world[0, :, :3, 3], expected)


def test_a_joint_is_carried_from_its_rest_to_its_place() -> None:
    generator = torch.Generator().manual_seed(1)
    rotations = axis_angle_to_matrix(torch.randn(2, 24, 3, generator=generator))
    rest = torch.randn(2, 24, 3, generator=generator)
    world = forward_kinematics(rotations, rest, ancestors(SMPL_24_PARENTS))
    carried = rest_to_posed(world, rest) @ torch.nn.functional.pad(rest, (0, 1), value=1)[..., None]
    torch.testing.assert_close(carried[..., :3, 0], world[..., :3, 3], atol=1e-5, rtol=0)


def test_left_and_right_are_the_same_tree() -> None:
    swapped = {"left": "right", "right": "left"}

    def mirror(name: str) -> str:
        side, _, rest = name.partition("_")
        return f"{swapped[side]}_{rest}" if side in swapped else name

    above = {
        name: SMPL_24_JOINT_NAMES[parent] if parent >= 0 else None
        for name, parent in zip(SMPL_24_JOINT_NAMES, SMPL_24_PARENTS, strict=True)
    }
    for name, parent in above.items():
        assert above[mirror(name)] == (None if parent is None else mirror(parent))


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9])
def test_a_chain_of_any_length_is_carried_to_its_end(length: int) -> None:
    turns = torch.full((1, length, 3), 0.3, dtype=torch.float64)
    rest = torch.arange(3 * length, dtype=torch.float64).reshape(1, length, 3)
    world = forward_kinematics(axis_angle_to_matrix(turns), rest, ancestors(range(-1, length - 1)))
    turned = Rotation.from_rotvec([0.3 * length] * 3).as_matrix()
    np.testing.assert_allclose(world[0, -1, :3, :3].numpy(), turned, atol=1e-12)
