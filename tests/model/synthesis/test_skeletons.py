import numpy as np
import pytest

from model.errors import InvalidInputError
from model.skeletons import MEDIAPIPE_33_NAMES
from model.synthesis.limbs import POINT_NAMES
from model.synthesis.skeletons import Skeletons, fill_gaps, in_square


def test_landmarks_are_reduced_to_the_points_of_the_same_names() -> None:
    landmarks = np.arange(2 * 33 * 3, dtype=np.float32).reshape(2, 33, 3)
    skeletons = Skeletons.of(landmarks)
    for number, name in enumerate(POINT_NAMES):
        expected = landmarks[:, MEDIAPIPE_33_NAMES.index(name), :2]
        np.testing.assert_array_equal(skeletons.points[:, number], expected)
    assert skeletons.vectors_26().shape == (2, 26)
    np.testing.assert_array_equal(skeletons.vectors_99(), landmarks.reshape(2, 99))


@pytest.mark.parametrize("shape", [(0, 13, 2), (2, 17, 2), (2, 13, 3), (2, 33, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="is needed"):
        Skeletons.of(np.zeros(shape, np.float32))


def test_99_numbers_need_depth() -> None:
    with pytest.raises(InvalidInputError, match="99 numbers"):
        Skeletons.of(np.zeros((1, 33, 2), np.float32)).vectors_99()


def test_missing_skeletons_are_interpolated_inside_and_held_outside() -> None:
    points = np.full((6, 13, 2), np.nan, np.float32)
    points[1], points[4] = 0.2, 0.8
    filled = fill_gaps(Skeletons(points)).points
    np.testing.assert_allclose(filled[:, 0, 0], [0.2, 0.2, 0.4, 0.6, 0.8, 0.8], atol=1e-6)
    with pytest.raises(InvalidInputError, match="no person in any frame"):
        fill_gaps(Skeletons(np.full((3, 13, 2), np.nan, np.float32)))


def test_a_square_is_cut_from_the_middle_of_a_wide_picture() -> None:
    # The square of a picture of 200 x 100 pixels is from x = 50 to 150.
    corners = np.array([[0.25, 0.0, 1.0], [0.75, 1.0, -1.0]], np.float32)
    found = in_square(corners, (100, 200))
    np.testing.assert_allclose(found, [[0, 0, 2], [1, 1, -2]], atol=1e-6)
