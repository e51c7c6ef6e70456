from collections.abc import Sequence

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.silhouette.people import Person
from training.mesh_confidence.estimators import Estimator, keypoint_joints
from training.mesh_confidence.occlusion import IMAGENET_MEAN, Occluder, hide_each_joint, slide
from training.mesh_confidence.person_crop import crop_person, crop_whole


def test_a_square_of_40_in_steps_of_20_has_11_places_along_224() -> None:
    assert Occluder().positions(224) == list(range(0, 201, 20))
    assert Occluder(size=40, stride=20).positions(40) == [0]
    assert Occluder(size=300).positions(224) == [0]


def test_the_square_has_its_size_and_colour_and_leaves_the_rest() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    hidden = Occluder(size=10).at(image, left=20, top=5)
    expected = image.copy()
    expected[5:15, 20:30] = IMAGENET_MEAN
    np.testing.assert_array_equal(hidden, expected)
    assert image.max() == 0
    at_corner = Occluder(size=10).on(image, np.array([0, 60]))
    assert (at_corner[55:, :5] == IMAGENET_MEAN).all()
    assert np.count_nonzero(at_corner) == 5 * 5 * 3


def bright_joints(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """An estimator for pictures with a white pixel: joint 0 is there, the others never move."""
    found = []
    for image in images:
        joints = np.zeros((14, 2))
        rows, columns = np.nonzero(image[..., 0] == 255)
        joints[0] = [columns[0], rows[0]] if len(rows) else [np.nan, np.nan]
        found.append(joints)
    return found


def test_the_map_is_high_exactly_where_the_occluder_hides_the_joint() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[30, 41] = 255
    estimator = Estimator("bright", "pixel", bright_joints)
    (truth,) = bright_joints([image])
    occluder = Occluder(size=16, stride=8)
    found = dict(slide(estimator, image, truth, occluder, skip=[0, 3], batch_size=5))
    places = occluder.positions(64)
    assert sorted(found) == [n for n in range(len(places) ** 2) if n not in (0, 3)]
    for number, errors in found.items():
        top, left = (places[part] for part in divmod(number, len(places)))
        hides = top <= 30 < top + 16 and left <= 41 < left + 16
        assert np.isnan(errors[0]) == hides
        np.testing.assert_array_equal(errors[1:], 0)


def test_every_known_joint_is_hidden_in_turn() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    asked = []

    def estimate(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        asked.extend(images)
        return [np.full((14, 2), float((one == IMAGENET_MEAN).all(-1).sum())) for one in images]

    points = np.zeros((14, 3))
    points[[2, 9]] = [[20, 20, 1], [62, 62, 1]]
    found = hide_each_joint(
        Estimator("area", "pixel", estimate), image, points, np.zeros((14, 2)), Occluder(size=10)
    )
    assert len(asked) == 3
    assert found[-1] == 0  # nothing is hidden
    assert found[2] == pytest.approx(100 * np.sqrt(2))
    assert found[9] == pytest.approx(49 * np.sqrt(2))  # cut off at the corner
    assert np.isfinite(found).sum() == 3


def test_errors_in_millimetres_are_those_after_both_hips_are_aligned() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(14, 3))
    found = truth + np.array([1, 2, 3])
    found[6] += [0.003, 0, 0.004]
    errors = Estimator("mesh", "mm", lambda images: []).errors(found, truth)
    assert errors[6] == pytest.approx(5)
    np.testing.assert_allclose(np.delete(errors, 6), 0, atol=1e-9)


def test_the_keypoints_are_those_of_the_largest_person() -> None:
    keypoints = np.full((17, 3), 0.5, np.float32)
    small = Person(np.array([0, 0, 5, 5], np.float32), 0.9, keypoints)
    keypoints = keypoints + np.arange(17, dtype=np.float32)[:, None] * [1, 2, 0]
    keypoints = keypoints.astype(np.float32)
    keypoints[16, 2] = 0  # the right ankle
    large = Person(np.array([0, 0, 50, 50], np.float32), 0.4, keypoints)
    joints = keypoint_joints([small, large])
    assert joints[1].tolist() == [14.5, 28.5]  # the right knee
    assert np.isnan(joints[0]).all()
    assert np.isnan(keypoint_joints([])).all()


def test_a_crop_holds_the_person_and_moves_the_points_with_it() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:44, 150:154] = 255
    points = np.array([[150, 40, 1], [190, 90, 1], [3, 3, 0]], float)
    crop, moved = crop_person(image, points, side=120)
    assert crop.shape == (120, 120, 3)
    assert moved[:, 2].tolist() == [1, 1, 0]
    rows, columns = np.nonzero(crop[..., 0] == 255)
    scale = 120 / (1.2 * 50)
    np.testing.assert_allclose(moved[0, :2], [columns.min(), rows.min()], atol=scale)
    assert np.linalg.norm(moved[1, :2] - moved[0, :2]) == pytest.approx(np.hypot(40, 50) * scale)
    with pytest.raises(InvalidInputError, match="two known points"):
        crop_person(image, points * [[1, 1, 1], [1, 1, 0], [1, 1, 1]])


def test_a_whole_picture_is_centred_in_a_square() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    square = crop_whole(image, 100)
    assert square.shape == (100, 100, 3)
    assert (square[:24] == 128).all()
    assert (square[26:74] == 0).all()
