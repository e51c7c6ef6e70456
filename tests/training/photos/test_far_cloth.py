"""Cloth that hangs where no limb is."""

import numpy as np
import pytest

from model.skeletons import COCO_17_NAMES
from training.photos.garments import FAR, LIMB_RADII, far_cloth

SIZE, STATURE, MIDDLE = (400, 300), 340, 150
JOINTS = {
    **{"hip": (20, 180), "knee": (24, 260), "ankle": (26, 345)},
    **{"shoulder": (40, 75), "elbow": (55, 130), "wrist": (62, 195)},
}
"""Pixels from the middle to each side, and from the top."""


@pytest.fixture
def keypoints() -> np.ndarray:
    points = np.full((17, 3), (MIDDLE, 40, 1), np.float32)
    for index, name in enumerate(COCO_17_NAMES):
        side, _, joint = name.partition("_")
        if joint in JOINTS:
            across, down = JOINTS[joint]
            points[index, :2] = MIDDLE + (across if side == "left" else -across), down
    return points


@pytest.fixture
def person() -> np.ndarray:
    """A box as tall as the person."""
    mask = np.zeros(SIZE, bool)
    mask[20 : 20 + STATURE, 40:260] = True
    return mask


def distance_to_segment(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Of each pixel, by the formula."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    points = np.stack([columns, rows], axis=-1) - start
    along = (points @ (end - start) / np.square(end - start).sum()).clip(0, 1)
    distance: np.ndarray = np.linalg.norm(points - along[..., None] * (end - start), axis=-1)
    return distance


def test_far_cloth_is_below_the_hips_and_away_from_every_limb(
    keypoints: np.ndarray, person: np.ndarray
) -> None:
    found = far_cloth(person, person, keypoints)
    assert found is not None
    joint = {name: keypoints[index, :2] for index, name in enumerate(COCO_17_NAMES)}
    clearance = np.full(SIZE, np.inf)
    for side in ("left", "right"):
        for kind, ends in (
            ("thigh", ("hip", "knee")),
            ("shin", ("knee", "ankle")),
            ("forearm", ("elbow", "wrist")),
        ):
            first, last = (joint[f"{side}_{end}"] for end in ends)
            reach = FAR * LIMB_RADII[kind] * STATURE
            clearance = np.minimum(clearance, distance_to_segment(first, last) - reach)
    below = np.arange(SIZE[0])[:, None] > 180
    sure = np.abs(clearance) > 2  # lines are drawn on whole pixels
    expected = person & below & (clearance > 0)
    assert expected[sure].sum() > 5000
    np.testing.assert_array_equal(found[sure], expected[sure])


def test_a_narrow_skirt_or_a_leg_that_is_not_seen_says_nothing(
    keypoints: np.ndarray, person: np.ndarray
) -> None:
    narrow = np.zeros(SIZE, bool)
    narrow[180:240, 130:170] = True
    assert far_cloth(narrow, person, keypoints) is None
    keypoints[COCO_17_NAMES.index("left_ankle"), 2] = 0.5
    assert far_cloth(person, person, keypoints) is None
