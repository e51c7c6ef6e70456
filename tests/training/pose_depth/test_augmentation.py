"""Changes of pairs: pose, keypoints, visibility and camera together."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from model.pose_depth.view import azimuth_deg, camera_in_torso, elevation_deg
from model.skeletons import COCO_17_NAMES
from training.pose_depth.augmentation import (
    Augmentation,
    Frames,
    mirror,
    mistake,
    roll,
    scale,
    turn,
    turn_beneath,
)
from training.pose_depth.metrics import bone_lengths
from training.pose_depth.pairs import hip_centred

ANGLES = st.floats(-3, 3)
SEEDS = st.integers(0, 1000)
PER_METRE = 0.31


def flat_frames(seed: int, error: float = 0.1) -> Frames:
    """Two poses seen from infinitely far away, so that keypoints are x and y of the truth."""
    rng = np.random.default_rng(seed)
    truth = hip_centred(rng.normal(0, 0.4, (2, 17, 3))).astype(np.float32)
    joints = hip_centred(truth + rng.normal(0, error, truth.shape)).astype(np.float32)
    return Frames(
        joints,
        truth,
        (PER_METRE * truth[..., :2]).astype(np.float32),
        rng.uniform(size=(2, 17)).astype(np.float32),
        np.array([[0.2, -0.3, -4], [0.1, 0, -3]], np.float32),
    )


def angles(frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation of the camera."""
    found = camera_in_torso(torch.from_numpy(frames.truth), torch.from_numpy(frames.camera))
    return azimuth_deg(found).numpy(), elevation_deg(found).numpy()


def assert_same_angle(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.cos(np.deg2rad(found - expected)), 1, atol=1e-4)


def assert_keypoints_lie_on_the_truth(frames: Frames) -> None:
    np.testing.assert_allclose(frames.keypoints, PER_METRE * frames.truth[..., :2], atol=1e-4)


@given(seed=SEEDS)
def test_a_mirror_image_changes_sides_of_everything(seed: int) -> None:
    before = flat_frames(seed)
    after = mirror(before)
    left, right = (COCO_17_NAMES.index(f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_array_equal(after.visibility[:, left], before.visibility[:, right])
    for name in ("joints", "truth", "keypoints"):
        moved, still = getattr(after, name)[:, left], getattr(before, name)[:, right]
        np.testing.assert_array_equal(moved[:, 0], -still[:, 0])
        np.testing.assert_array_equal(moved[:, 1:], still[:, 1:])
    assert_keypoints_lie_on_the_truth(after)
    azimuth, elevation = angles(before)
    turned, raised = angles(after)
    assert_same_angle(turned, -azimuth)
    np.testing.assert_allclose(raised, elevation, atol=0.05)
    for one, other in zip(mirror(after), before, strict=True):
        np.testing.assert_array_equal(one, other)


@given(seed=SEEDS, angle=ANGLES)
def test_rolling_the_camera_turns_the_picture_and_no_angle_of_the_view(
    seed: int, angle: float
) -> None:
    before = flat_frames(seed)
    after = roll(before, angle)
    assert_keypoints_lie_on_the_truth(after)
    np.testing.assert_allclose(after.truth[..., 2], before.truth[..., 2], atol=1e-5)
    np.testing.assert_allclose(after.joints[..., 2], before.joints[..., 2], atol=1e-5)
    np.testing.assert_allclose(bone_lengths(after.joints), bone_lengths(before.joints), atol=1e-5)
    for found, expected in zip(angles(after), angles(before), strict=True):
        assert_same_angle(found, expected)
    # Errors turn with the poses.
    errors = [np.linalg.norm(one.joints - one.truth, axis=-1) for one in (before, after)]
    np.testing.assert_allclose(errors[0], errors[1], atol=1e-5)


@given(seed=SEEDS, angle=ANGLES)
def test_turning_a_person_turns_pose_and_keypoints_before_a_still_camera(
    seed: int, angle: float
) -> None:
    # Where nothing is wrong with what was found, its keypoints are those of the truth.
    before = flat_frames(seed, error=0)
    after = turn(before, angle)
    assert_keypoints_lie_on_the_truth(after)
    np.testing.assert_array_equal(after.camera, before.camera)
    np.testing.assert_array_equal(after.visibility, before.visibility)
    np.testing.assert_allclose(after.truth[..., 1], before.truth[..., 1], atol=1e-5)
    np.testing.assert_allclose(bone_lengths(after.truth), bone_lengths(before.truth), atol=1e-5)
    np.testing.assert_allclose(after.joints, after.truth, atol=1e-5)
    back = turn(after, -angle)
    for one, other in zip(back, before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_person_who_turns_to_their_left_shows_their_right() -> None:
    pose = np.zeros((1, 17, 3), np.float32)
    pose[0, [5, 6], 0], pose[0, [5, 6], 1] = (0.2, -0.2), -0.5
    pose[0, [11, 12], 0] = 0.1, -0.1
    still = np.zeros((1, 17, 2), np.float32), np.ones((1, 17), np.float32)
    frames = Frames(pose, pose, *still, np.array([[0, 0, -3]], np.float32))
    azimuth, _ = angles(turn(frames, -0.3))
    np.testing.assert_allclose(azimuth, np.rad2deg(0.3), atol=1e-2)


@given(seed=SEEDS, angle=ANGLES)
def test_turning_beneath_keeps_the_errors_in_the_axes_of_the_camera(
    seed: int, angle: float
) -> None:
    before = flat_frames(seed)
    after = turn_beneath(before, angle)
    np.testing.assert_allclose(after.joints - after.truth, before.joints - before.truth, atol=1e-5)
    np.testing.assert_allclose(bone_lengths(after.truth), bone_lengths(before.truth), atol=1e-5)
    assert_keypoints_lie_on_the_truth(after)


@given(seed=SEEDS, factor=st.floats(0.8, 1.2))
def test_a_larger_person_further_away_gives_the_same_picture(seed: int, factor: float) -> None:
    before = flat_frames(seed)
    after = scale(before, factor)
    np.testing.assert_array_equal(after.keypoints, before.keypoints)
    np.testing.assert_allclose(
        bone_lengths(after.joints), factor * bone_lengths(before.joints), atol=1e-5
    )
    np.testing.assert_allclose(after.camera, before.camera * factor, rtol=1e-5)
    for found, expected in zip(angles(after), angles(before), strict=True):
        assert_same_angle(found, expected)


@given(visibility=arrays(np.float32, (2, 17), elements=st.floats(0, 1, width=32)))
def test_visibility_is_left_out_as_a_whole(visibility: np.ndarray) -> None:
    frames = flat_frames(0)._replace(visibility=visibility)
    rng = np.random.default_rng(0)
    assert (Augmentation(unseen=1.0).apply(rng, frames).visibility == 1).all()
    kept = Augmentation(unseen=0.0, mirror=0.0).apply(rng, frames)
    np.testing.assert_array_equal(kept.visibility, visibility)


def test_somebody_else_is_found_in_one_frame_and_the_truth_stays() -> None:
    before, other = flat_frames(0), flat_frames(1)
    after = mistake(before, other, 1)
    for name in ("joints", "keypoints", "visibility"):
        np.testing.assert_array_equal(getattr(after, name)[0], getattr(before, name)[0])
        np.testing.assert_array_equal(getattr(after, name)[1], getattr(other, name)[0])
    np.testing.assert_array_equal(after.truth, before.truth)
    np.testing.assert_array_equal(after.camera, before.camera)


def test_the_same_random_numbers_change_alike() -> None:
    one, other = (
        Augmentation(anywhere=0.5).apply(np.random.default_rng(3), flat_frames(1)) for _ in range(2)
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "change", [{"mirror": 1.5}, {"roll_deg": -1.0}, {"anywhere": -0.1}, {"scale": float("nan")}]
)
def test_an_amount_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Augmentation(**change)
