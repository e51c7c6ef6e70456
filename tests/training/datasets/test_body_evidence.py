from collections.abc import Callable

import numpy as np
import pytest

from model.skeletons import COCO_17_NAMES
from training.datasets.body_evidence import (
    BACKGROUND,
    BODY,
    RADII,
    SKIN,
    UNKNOWN,
    body_evidence,
)
from training.datasets.limbs import stature_of
from training.datasets.photo_label import UNKNOWN_PERSON, LabelledPerson

SIZE = (400, 300)
BOX = (60, 20, 240, 380)


@pytest.fixture
def keypoints(figure: Callable[..., np.ndarray]) -> np.ndarray:
    return figure(BOX)


def evidence(ids: np.ndarray, keypoints: np.ndarray, skin: np.ndarray | None = None) -> np.ndarray:
    person = LabelledPerson(np.array(BOX, np.float32), keypoints, 1.0, "mediapipe")
    return body_evidence(ids, [person], skin)


@pytest.fixture
def ids() -> np.ndarray:
    inside = np.zeros(SIZE, np.uint8)
    inside[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 1
    return inside


def joint(keypoints: np.ndarray, name: str) -> tuple[int, int]:
    x, y = keypoints[COCO_17_NAMES.index(name), :2].round().astype(int)
    return int(y), int(x)


def between(keypoints: np.ndarray, first: str, second: str) -> tuple[int, int]:
    (y, x), (v, u) = joint(keypoints, first), joint(keypoints, second)
    return (y + v) // 2, (x + u) // 2


def test_inside_a_limb_is_body_and_cloth_around_it_is_unknown(
    ids: np.ndarray, keypoints: np.ndarray
) -> None:
    known = evidence(ids, keypoints)
    assert (known[ids == 0] == BACKGROUND).all()
    y, x = between(keypoints, "left_hip", "left_knee")
    radius = RADII["thigh"] * stature_of(keypoints)
    for offset in range(-40, 41):
        if abs(offset) < radius - 1.5:
            assert known[y, x + offset] == BODY
        elif abs(offset) > radius + 1.5 and abs(offset) < 20:
            assert known[y, x + offset] == UNKNOWN


def test_head_and_torso_are_body(ids: np.ndarray, keypoints: np.ndarray) -> None:
    known = evidence(ids, keypoints)
    assert known[joint(keypoints, "nose")] == BODY
    assert known[between(keypoints, "left_shoulder", "right_hip")] == BODY


def test_limbs_that_leave_the_person_or_are_not_seen_say_nothing(
    ids: np.ndarray, keypoints: np.ndarray
) -> None:
    left_shin = between(keypoints, "left_knee", "left_ankle")
    assert evidence(ids, keypoints)[left_shin] == BODY
    unseen = keypoints.copy()
    unseen[COCO_17_NAMES.index("left_ankle"), 2] = 0.5
    assert evidence(ids, unseen)[left_shin] == UNKNOWN
    cut = ids.copy()
    cut[340:] = 0
    assert evidence(cut, keypoints)[left_shin] == UNKNOWN


def test_bones_of_people_without_a_mask_count_in_unknown_pixels_only(
    ids: np.ndarray, keypoints: np.ndarray
) -> None:
    thigh = between(keypoints, "left_hip", "left_knee")
    assert evidence(np.where(ids, UNKNOWN_PERSON, 0).astype(np.uint8), keypoints)[thigh] == BODY
    # Somebody else stands before the person.
    assert evidence(np.where(ids, 2, 0).astype(np.uint8), keypoints)[thigh] == UNKNOWN


def test_labelled_skin_stays_skin(ids: np.ndarray, keypoints: np.ndarray) -> None:
    skin = np.zeros(SIZE, bool)
    skin[30:60, 130:170] = True
    known = evidence(ids, keypoints, skin)
    assert (known[skin] == SKIN).all()


def test_without_visible_joints_nothing_is_body(ids: np.ndarray, keypoints: np.ndarray) -> None:
    keypoints[:, 2] = 0
    assert stature_of(keypoints) == 0
    assert set(np.unique(evidence(ids, keypoints))) == {UNKNOWN, BACKGROUND}


def test_a_foreshortened_limb_does_not_change_the_stature_much(keypoints: np.ndarray) -> None:
    before = stature_of(keypoints)
    bent = keypoints.copy()
    knee, ankle = (COCO_17_NAMES.index(f"left_{name}") for name in ("knee", "ankle"))
    bent[ankle, :2] = bent[knee, :2] + 1
    assert stature_of(bent) == pytest.approx(before, rel=0.1)
