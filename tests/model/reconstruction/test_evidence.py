from collections.abc import Callable

import numpy as np
import pytest

from model.reconstruction.evidence import CODES, share_seen, warnings_of
from model.skeletons import COCO_17_NAMES

SIZE = 400, 300
STANDING = {
    **{"nose": (150, 40), "left_eye": (155, 35), "right_eye": (145, 35)},
    **{"left_ear": (162, 38), "right_ear": (138, 38)},
    **{"left_shoulder": (180, 80), "right_shoulder": (120, 80)},
    **{"left_elbow": (195, 135), "right_elbow": (105, 135)},
    **{"left_wrist": (200, 185), "right_wrist": (100, 185)},
    **{"left_hip": (167, 180), "right_hip": (133, 180)},
    **{"left_knee": (167, 265), "right_knee": (133, 265)},
    **{"left_ankle": (167, 345), "right_ankle": (133, 345)},
}
"""Somebody who stands in a picture of 300 x 400 and faces the camera."""
BOX = np.array([90, 15, 210, 370], np.float32)
HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def standing() -> np.ndarray:
    return np.array([(*STANDING[name], 0.9) for name in COCO_17_NAMES], np.float32)


def without(*parts: str) -> np.ndarray:
    keypoints = standing()
    for number, name in enumerate(COCO_17_NAMES):
        if name in parts or name.partition("_")[2] in parts:
            keypoints[number, 2] = 0.1
    return keypoints


def cut_at(bottom: float, keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """The picture ends below the box."""
    return np.array([90, 15, 210, bottom], np.float32), keypoints, (int(bottom), 300)


def codes(box: np.ndarray, keypoints: np.ndarray, size: tuple[int, int]) -> list[str]:
    return [one.code for one in warnings_of(box, keypoints, size, height_known=True)]


def test_a_whole_person_who_faces_the_camera_is_warned_of_nothing_but_the_scale() -> None:
    assert codes(BOX, standing(), SIZE) == []
    [warned] = warnings_of(BOX, standing(), SIZE, height_known=False)
    assert warned.code == "scale-unknown"


CUTS: dict[str, tuple[str, tuple[np.ndarray, np.ndarray, tuple[int, int]], str]] = {
    "below the knees": ("feet-outside", cut_at(300, without("ankle")), "left ankle"),
    "below the hips": ("cut-at-knee", cut_at(230, without("ankle", "knee")), "right knee"),
    "above the hips": (
        "cut-at-hip",
        cut_at(160, without("ankle", "knee", "hip", "wrist")),
        "left hip",
    ),
    "at the chest": (
        "cut-at-chest",
        cut_at(110, without("ankle", "knee", "hip", "wrist", "elbow")),
        "left elbow",
    ),
    "above the shoulders": (
        "head-outside",
        (np.array([90, 0, 210, 300], np.float32), without(*HEAD), SIZE),
        "head",
    ),
}


@pytest.mark.parametrize("where", CUTS)
def test_a_cut_is_named_with_what_is_not_seen(where: str) -> None:
    code, (box, keypoints, size), part = CUTS[where]
    [warned] = warnings_of(box, keypoints, size, height_known=True)
    assert warned.code == code
    assert part in warned.detail
    assert "shoulder" not in warned.detail


def test_legs_behind_something_are_hidden_and_not_outside() -> None:
    [warned] = warnings_of(BOX, without("knee", "ankle"), SIZE, height_known=True)
    assert warned.code == "hidden"
    assert "left knee" in warned.detail


def turned(keypoints: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = keypoints.copy()
    found[:, :2] = (keypoints[:, :2] - 150) @ turn.T + 150
    return found


def mirrored_sides(keypoints: np.ndarray) -> np.ndarray:
    """Left and right change places, as when the person turns their back."""
    found = keypoints.copy()
    for number, name in enumerate(COCO_17_NAMES):
        side, _, part = name.partition("_")
        if part:
            other = f"{'right' if side == 'left' else 'left'}_{part}"
            found[number] = keypoints[COCO_17_NAMES.index(other)]
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda k: turned(k, 180), ["upside-down"]),
        (lambda k: turned(k, 160), ["upside-down"]),
        (lambda k: turned(k, 80), []),
        (mirrored_sides, ["turned-away"]),
        (lambda k: turned(mirrored_sides(k), 180), ["upside-down", "turned-away"]),
    ],
    ids=["upside down", "nearly", "lying", "from behind", "upside down from behind"],
)
def test_how_a_person_is_turned_is_seen_from_the_trunk(
    change: Callable[[np.ndarray], np.ndarray], expected: list[str]
) -> None:
    assert codes(np.array([60, 60, 240, 240], np.float32), change(standing()), SIZE) == expected


def test_a_person_from_the_side_is_not_taken_for_turned_away() -> None:
    keypoints = standing()
    keypoints[:, 0] = 150 + 0.1 * (150 - keypoints[:, 0])
    assert codes(BOX, keypoints, SIZE) == []


def test_a_small_person_is_told_with_the_pixels() -> None:
    keypoints = standing()
    keypoints[:, :2] *= 0.1
    [warned] = warnings_of(0.1 * BOX, keypoints, SIZE, height_known=True)
    assert warned.code == "small"
    assert "36 pixels" in warned.detail


def test_the_share_that_is_seen_falls_with_what_is_not() -> None:
    cuts = [(), ("ankle",), ("ankle", "knee"), ("ankle", "knee", "hip"), tuple(COCO_17_NAMES)]
    shares = [share_seen(without(*parts)) for parts in cuts]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(1)
    assert shares[-1] == 0


def test_every_warning_begins_with_what_its_code_means() -> None:
    for _, (_, (box, keypoints, size), _) in CUTS.items():
        for warned in warnings_of(box, keypoints, size, height_known=False):
            assert warned.detail.startswith(CODES[warned.code])
