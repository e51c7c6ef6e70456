from pathlib import Path

import numpy as np
import pytest

from model.skeletons import MEDIAPIPE_33_NAMES
from training.datasets.bones import (
    BONES,
    SPINE,
    VISIBILITY,
    WIDTH_FRACTION,
    bone_line,
    bone_mask,
    check_bones,
    visible_bones,
)
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import NOBODY, STORED, CcpKeypoints, Pose

SIZE = (1200, 900)
NOWHERE = np.zeros(SIZE, bool)


@pytest.fixture
def pose() -> Pose:
    """Somebody upright in the middle; the left side is at larger x, as seen from the front."""
    points = {
        **{"shoulder": (0.08, 0.3), "elbow": (0.12, 0.42), "wrist": (0.14, 0.54)},
        **{"hip": (0.05, 0.55), "knee": (0.06, 0.73), "ankle": (0.06, 0.92)},
    }
    landmarks = np.full((33, 2), 0.5, np.float32)
    for name, (x, y) in points.items():
        landmarks[index(f"left_{name}")] = 0.5 + x, y
        landmarks[index(f"right_{name}")] = 0.5 - x, y
    return Pose(landmarks, np.ones(33, np.float32))


def index(name: str) -> int:
    return MEDIAPIPE_33_NAMES.index(name)


def hidden(pose: Pose, *names: str) -> Pose:
    visibility = pose.visibility.copy()
    visibility[[index(name) for name in names]] = VISIBILITY - 0.01
    return Pose(pose.landmarks, visibility)


def test_there_are_eleven_bones() -> None:
    assert len(BONES) == 11
    assert {bone.name for bone in BONES if "arm" in bone.name} == {
        *("left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm")
    }
    assert [MEDIAPIPE_33_NAMES[i] for i in SPINE.start] == ["left_shoulder", "right_shoulder"]


@pytest.mark.parametrize("bone", BONES, ids=lambda bone: bone.name)
def test_a_line_is_what_is_near_its_segment(bone: object, pose: Pose) -> None:
    assert bone in BONES
    (chosen,) = [b for b in BONES if b == bone]
    line = bone_line(chosen, pose, SIZE)
    scale = np.array([SIZE[1], SIZE[0]])
    start, end = (pose.landmarks[list(j)].mean(0) * scale for j in (chosen.start, chosen.end))
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    pixels = np.stack([columns, rows], -1) + 0.5
    along = np.clip((pixels - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    distance = np.linalg.norm(pixels - start - along[..., None] * (end - start), axis=-1)
    half = WIDTH_FRACTION * 0.25 * SIZE[0] / 2
    assert not line[distance > half + 1.5].any()
    assert line[(distance < half - 1.5) & (along > 0.02) & (along < 0.98)].all()


def test_a_bone_needs_both_of_its_joints(pose: Pose) -> None:
    found = {bone.name for bone in visible_bones(hidden(pose, "left_elbow", "right_ankle"))}
    everything = {bone.name for bone in BONES}
    assert everything - found == {"left_upper_arm", "left_forearm", "right_shin"}
    assert list(visible_bones(NOBODY)) == []


def test_a_mask_is_the_lines_together(pose: Pose) -> None:
    together = np.any([bone_line(bone, pose, SIZE) for bone in BONES], axis=0)
    assert np.array_equal(bone_mask(pose, NOWHERE), together)
    assert 0.005 < together.mean() < 0.05
    assert not bone_mask(NOBODY, NOWHERE).any()


def test_a_bone_that_runs_onto_the_background_is_left_out(pose: Pose) -> None:
    forearm = next(bone for bone in BONES if bone.name == "left_forearm")
    background = NOWHERE.copy()
    background[570:, 555:] = True
    mask = bone_mask(pose, background)
    without = [bone_line(bone, pose, SIZE) for bone in BONES if bone != forearm]
    assert np.array_equal(mask, np.any(without, axis=0) & ~background)
    # A few pixels only: the bone stays, they go.
    background = NOWHERE.copy()
    background[645:, 555:] = True
    assert background[bone_line(forearm, pose, SIZE)].any()
    mask = bone_mask(pose, background)
    assert mask[bone_line(forearm, pose, SIZE) & ~background].all()
    assert not mask[background].any()


def test_nothing_is_used_of_a_person_whose_spine_is_background(pose: Pose) -> None:
    background = NOWHERE.copy()
    background[390:510, 420:480] = True
    assert not bone_mask(pose, background).any()


def test_bones_outside_of_the_picture_are_left_out(pose: Pose) -> None:
    lowered = Pose(pose.landmarks * np.array([1, 1.6], np.float32), pose.visibility)
    mask = bone_mask(lowered, NOWHERE)
    shins = [bone for bone in BONES if "shin" in bone.name]
    assert mask.any()
    assert not any(bone_line(shin, lowered, SIZE).any() for shin in shins)


@pytest.mark.shared_data
def test_bones_of_real_photos_do_not_leave_the_person(shared_data: Path) -> None:
    dataset = ClothingCoParsing.open(shared_data / "ccp")
    report = check_bones(dataset, CcpKeypoints.load(STORED), dataset.numbers[::15])
    assert report.photos == 61
    assert report.visible > 0.7 * 11 * 61
    # Most of it in one photo whose labels are wrong.
    assert report.background_pixels < 0.02 * report.pixels
    assert len(report.without_bones) <= 2
    assert "of a photo's pixels are on bones" in report.text()
