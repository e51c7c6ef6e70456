import dataclasses

import numpy as np
import pytest

from model.body.predictor import BodyParameters, BodyPredictor
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from training.reconstruction.augmentation import MIRRORED_JOINTS, cut, jittered, mirrored, noisy
from training.reconstruction.recipe import Augmentation
from training.reconstruction.stored_people import NAKED, StoredPeople, StoredPerson


def shown(points: np.ndarray, person: StoredPerson) -> np.ndarray:
    height, width = person.layers.shape[:2]
    aside, up = points[:, 0] / -points[:, 2], points[:, 1] / -points[:, 2]
    focal = float(person.focal[0])
    return np.column_stack([width / 2 + focal * aside, height / 2 - focal * up])


def bent(body: BodyPredictor, person: StoredPerson) -> np.ndarray:
    """Joints of the mean body in the person's pose and place: it is symmetric."""
    parameters = BodyParameters(
        np.zeros(10, np.float32), person.pose[1:], person.pose[0], person.transl
    )
    return body.predict_batch([parameters])[0].joints


def test_a_mirror_image_has_the_mirrored_body(
    stored: StoredPeople, tiny_body: BodyPredictor
) -> None:
    person = stored[2]
    other = mirrored(person)
    expected = bent(tiny_body, person)[MIRRORED_JOINTS] * [-1, 1, 1]
    np.testing.assert_allclose(bent(tiny_body, other), expected, atol=1e-5)
    np.testing.assert_allclose(other.joints[0], person.joints[0] * [-1, 1, 1])


def test_a_mirror_image_has_left_and_right_exchanged(stored: StoredPeople) -> None:
    person = stored[2]
    other = mirrored(person)
    width = person.layers.shape[1]
    left, right = (COCO_17_NAMES.index(f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_allclose(other.found[left, 0], width - person.found[right, 0])
    np.testing.assert_allclose(other.keypoints[right, 1:], person.keypoints[left, 1:])
    assert [SMPL_24_JOINT_NAMES[n] for n in MIRRORED_JOINTS[1:3]] == ["right_hip", "left_hip"]
    np.testing.assert_array_equal(other.layers[:, 0], person.layers[:, -1])
    columns = np.flatnonzero((other.layers[..., NAKED] > 127).any(0))
    assert other.box[0] - 4 < columns[0]
    assert columns[-1] < other.box[2] + 4


def test_a_mirror_image_of_a_mirror_image_is_the_picture(stored: StoredPeople) -> None:
    person = stored[0]
    for one, other in zip(mirrored(mirrored(person)), person, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_picture_ends_inside_the_box_and_keeps_pixels_and_truth_together(
    stored: StoredPeople, seed: int
) -> None:
    person = stored[1]
    other = cut(person, np.random.default_rng(seed), 0.4)
    height, width = other.layers.shape[:2]
    assert (height, width) != person.layers.shape[:2]
    before, after = (one.box[2:] - one.box[:2] for one in (person, other))
    assert (after <= before + 1e-3).all()
    assert (other.box >= 0).all()
    assert (other.box <= np.tile([width, height], 2)).all()
    inside = other.keypoints[:, 2] > 0
    assert inside.any()
    # The body is turned about the camera: where it is seen differs by the perspective alone.
    offset = (person.keypoints - other.keypoints)[inside, :2].mean(0)
    np.testing.assert_allclose(
        shown(other.joints, other), shown(person.joints, person) - offset, atol=3.5
    )
    distances = [np.linalg.norm(one.joints, axis=1) for one in (person, other)]
    np.testing.assert_allclose(distances[0], distances[1], rtol=1e-5)


def test_a_cut_picture_has_the_body_that_its_parameters_describe(
    stored: StoredPeople, tiny_body: BodyPredictor
) -> None:
    person = cut(stored[1], np.random.default_rng(3), 0.4)
    parameters = BodyParameters(person.betas, person.pose[1:], person.pose[0], person.transl)
    (mesh,) = tiny_body.predict_batch([parameters])
    np.testing.assert_allclose(mesh.joints, person.joints, atol=1e-4)


def test_keypoints_that_are_cut_off_are_hardly_found(stored: StoredPeople) -> None:
    person = stored[1]
    num_gone = 0
    for seed in range(10):
        other = cut(person, np.random.default_rng(seed), 0.6)
        gone = other.keypoints[:, 2] == 0
        num_gone += int(gone.sum())
        assert (other.found[gone, 2] <= 0.5 * person.found[gone, 2]).sum() >= gone.sum() - 1
        np.testing.assert_array_equal(other.found[~gone, 2] > 0, True)
    assert num_gone > 10


def test_a_jittered_box_is_near_the_box(stored: StoredPeople, rng: np.random.Generator) -> None:
    person = stored[0]
    boxes = np.array([jittered(person, rng, Augmentation()).box for _ in range(200)])
    assert np.abs(boxes.mean(0) - person.box).max() < 1
    assert boxes.std(0).min() > 0.3
    still = dataclasses.replace(Augmentation(), shift=0.0, scale=0.0)
    np.testing.assert_allclose(jittered(person, rng, still).box, person.box, atol=1e-4)


def test_keypoints_are_moved_and_taken_away_in_both_versions(
    stored: StoredPeople, rng: np.random.Generator
) -> None:
    person = stored[0]
    settings = dataclasses.replace(Augmentation(), dropped_fraction=0.5)
    other = noisy(person, rng, settings)
    gone = other.found[:, 2] == 0
    assert 0 < gone.sum() < 17
    np.testing.assert_array_equal(other.keypoints[gone, 2], 0)
    np.testing.assert_allclose(
        other.found[:, :2] - person.found[:, :2],
        other.keypoints[:, :2] - person.keypoints[:, :2],
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("field", "value"), [("cut_fraction", 1.1), ("shift", -0.1), ("most_cut", 1.0)]
)
def test_settings_that_cannot_be_drawn_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(Augmentation(), **{field: value})
