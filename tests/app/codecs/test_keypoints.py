import numpy as np
import pytest

from app.codecs.keypoints import parse_keypoints
from model.skeletons import (
    COCO_17_NAMES,
    MEDIAPIPE_33_NAMES,
    OPENPOSE_18_NAMES,
    OPENPOSE_25_NAMES,
    SKELETONS,
)


def rows(names: tuple[str, ...]) -> list[list[float]]:
    """Each keypoint at a place that tells it apart."""
    order = sorted(set(sum(SKELETONS.values(), ())))
    return [[order.index(name), 2 * order.index(name), 0.5] for name in names]


@pytest.mark.parametrize(
    "names", [COCO_17_NAMES, OPENPOSE_18_NAMES, OPENPOSE_25_NAMES, MEDIAPIPE_33_NAMES]
)
def test_every_skeleton_becomes_cocos(names: tuple[str, ...]) -> None:
    [found] = parse_keypoints(rows(names))
    np.testing.assert_array_equal(found, rows(COCO_17_NAMES))


def test_openposes_own_json_is_read_with_all_its_people() -> None:
    numbers = np.ravel(rows(OPENPOSE_25_NAMES)).tolist()
    person = {"person_id": [-1], "pose_keypoints_2d": numbers, "hand_left_keypoints_2d": []}
    found = parse_keypoints({"version": 1.3, "people": [person, person]})
    assert len(found) == 2
    np.testing.assert_array_equal(found[1], rows(COCO_17_NAMES))


def test_people_and_photos_may_be_several_and_of_different_skeletons() -> None:
    found = parse_keypoints([rows(COCO_17_NAMES), rows(MEDIAPIPE_33_NAMES)])
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "a list was sent"),
        (None, "null was sent"),
        ("[]", "text was sent"),
        ({}, "needs `people`"),
        ({"people": []}, "a list of 1 to 20"),
        ({"people": [{}]}, "needs `pose_keypoints_2d`"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, "needs `pose_keypoints_2d`"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 1] * 17 + [0, 0, 0] * 2}]}, "19 keypoints"),
        ([[1, 2, 0.5]] * 16, "16 keypoints; 17, 18, 25, 33 are known"),
        ([[1, 2, 0.5]] * 16 + [[1, 2]], "keypoint 16 is no row"),
        ([[1, 2, 0.5]] * 16 + [[1, "2", 0.5]], "keypoint 16 is no row"),
        ([[1, 2, 0.5]] * 16 + [[1, True, 0.5]], "keypoint 16 is no row"),
        ([[1, 2, 0.5]] * 16 + [[1, float("nan"), 0.5]], "keypoint 16 is no row"),
        ([[1, 2, 0.5]] * 16 + [[1, 1e9, 0.5]], "keypoint 16 is no row"),
        ([[1, 2, 1.5]] * 17, "keypoint 0 has the score 1.5"),
        ([[[1, 2, 0.5]] * 17] * 21, "21 people were sent; at most 20"),
        ([[[1, 2, 0.5]] * 17, 3], "a person has a number"),
    ],
)
def test_what_is_no_keypoints_is_refused_with_the_reason(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("`", ".").replace("[", r"\[")):
        parse_keypoints(value)
