import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from model.body.rotation import (
    axis_angle_to_matrix,
    matrix_to_rotation_6d,
    rotation_6d_to_matrix,
)

coordinate = st.floats(-1, 1, width=32)
axis = st.tuples(coordinate, coordinate, coordinate).filter(lambda v: math.hypot(*v) > 1e-3)


def _vector(direction: tuple[float, float, float], angle: float) -> torch.Tensor:
    vector = torch.tensor(direction, dtype=torch.float64)
    scaled: torch.Tensor = vector / vector.norm() * angle
    return scaled


@given(axis, st.floats(0, 20))
def test_a_rotation_is_what_scipy_says(direction: tuple[float, float, float], angle: float) -> None:
    vector = _vector(direction, angle)
    expected = Rotation.from_rotvec(vector.numpy()).as_matrix()
    np.testing.assert_allclose(axis_angle_to_matrix(vector).numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-4, 0.00999, 0.01001, 1.0, 3.0])
def test_gradients_are_right_at_any_angle(angle: float) -> None:
    vector = _vector((0.3, -0.5, 0.8), angle).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, (vector,))


@pytest.mark.parametrize("angle", [1e-9, 1e-3, 0.0101, 3.0])
def test_single_precision_is_as_good_as_it_can_be(angle: float) -> None:
    vector = _vector((0.3, -0.5, 0.8), angle)
    found = axis_angle_to_matrix(vector.float()).double()
    torch.testing.assert_close(found, axis_angle_to_matrix(vector), rtol=0, atol=3e-7)


def test_any_leading_sizes_are_kept() -> None:
    assert axis_angle_to_matrix(torch.zeros(2, 0, 5, 3)).shape == (2, 0, 5, 3, 3)


def test_six_numbers_lead_back_to_the_rotation_that_they_are_of() -> None:
    rotations = torch.tensor(Rotation.random(20, rng=0).as_matrix())
    six = matrix_to_rotation_6d(rotations)
    torch.testing.assert_close(rotation_6d_to_matrix(six), rotations)
    np.testing.assert_array_equal(six[:, :3], rotations[:, :, 0])


def test_any_six_numbers_give_a_rotation_whatever_their_lengths() -> None:
    six = torch.tensor(np.random.default_rng(0).normal(0, 3, (20, 6)))
    found = rotation_6d_to_matrix(six)
    identity = torch.eye(3, dtype=torch.float64).expand(20, 3, 3)
    torch.testing.assert_close(found @ found.mT, identity)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(20, dtype=torch.float64))
    stretched = six * torch.tensor([2, 2, 2, 5, 5, 5])
    torch.testing.assert_close(rotation_6d_to_matrix(stretched), found)
    # The second vector's part along the first one does not count.
    sheared = torch.cat([six[:, :3], six[:, 3:] + 2 * six[:, :3]], 1)
    torch.testing.assert_close(rotation_6d_to_matrix(sheared), found)


def test_gradients_through_six_numbers_are_right() -> None:
    six = torch.tensor([[0.3, -0.5, 0.8, 1.2, 0.1, -0.4]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_6d_to_matrix, (six,))
