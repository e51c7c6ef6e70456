import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from model.body.rotation import axis_angle_to_matrix, matrix_to_axis_angle

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


@given(axis, st.floats(0, math.pi - 1e-4))
def test_a_matrix_gives_back_its_axis_angle(
    direction: tuple[float, float, float], angle: float
) -> None:
    vector = _vector(direction, angle)
    back = matrix_to_axis_angle(axis_angle_to_matrix(vector))
    np.testing.assert_allclose(back.numpy(), vector.numpy(), atol=1e-9)


@given(axis)
@settings(max_examples=50)
def test_half_a_turn_comes_back_as_the_same_rotation(direction: tuple[float, float, float]) -> None:
    matrix = axis_angle_to_matrix(_vector(direction, math.pi))
    again = axis_angle_to_matrix(matrix_to_axis_angle(matrix))
    np.testing.assert_allclose(again.numpy(), matrix.numpy(), atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-4, 0.00999, 0.01001, 1.0, 3.0])
def test_gradients_are_right_at_any_angle(angle: float) -> None:
    vector = _vector((0.3, -0.5, 0.8), angle).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, (vector,))
    if angle < 3:
        assert torch.autograd.gradcheck(
            lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), (vector,)
        )


def test_single_precision_keeps_small_angles() -> None:
    vector = torch.tensor([1e-3, 0.0, 0.0])
    back = matrix_to_axis_angle(axis_angle_to_matrix(vector))
    torch.testing.assert_close(back, vector, rtol=1e-6, atol=0.0)


def test_any_leading_sizes_are_kept() -> None:
    vectors = torch.zeros(2, 0, 5, 3)
    assert axis_angle_to_matrix(vectors).shape == (2, 0, 5, 3, 3)
    assert matrix_to_axis_angle(axis_angle_to_matrix(vectors)).shape == (2, 0, 5, 3)
