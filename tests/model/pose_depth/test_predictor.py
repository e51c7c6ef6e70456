"""The refiner: shapes, symmetry, windows, batches, checkpoints, smoothing."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import CheckpointError, InvalidInputError
from model.pose_depth import predictor
from model.pose_depth.network import DepthRefinerConfig, PoseAwareDepthRefiner
from model.pose_depth.poses import observed
from model.pose_depth.predictor import DepthRefiner, save_refiner_checkpoint
from model.pose_depth.skeleton import COCO_OF_MEDIAPIPE
from model.pose_depth.smoothing import smoothed
from model.pose_depth.temporal import TemporalRefiner, TemporalRefinerConfig
from model.skeletons import COCO_17_MIRRORED, MEDIAPIPE_OF_COCO

RNG = np.random.default_rng(0)
NUM = 12
POSES, POINTS = RNG.normal(size=(NUM, 17, 3)), RNG.normal(size=(NUM, 17, 2))
VISIBILITY = RNG.uniform(size=(NUM, 17))
HEADER = CheckpointHeader(
    architecture="",
    config={},
    lineage=(TrainingPart(recipe={}, commit="c", data="d", steps=1),),
    metrics={},
    licence="Apache-2.0",
)


def test_one_pose_and_many_are_refined_alike(tiny_pose_depth: DepthRefiner) -> None:
    many = tiny_pose_depth.refine(POSES, VISIBILITY, POINTS)
    assert many.joints.shape == (NUM, 17, 3)
    one = tiny_pose_depth.refine(POSES[3], VISIBILITY[3], POINTS[3])
    np.testing.assert_allclose(one.joints[0], many.joints[3], atol=1e-5)
    np.testing.assert_allclose(many.joints[:, [11, 12]].mean(1), 0, atol=1e-5)
    assert ((many.confidence > 0) & (many.confidence < 1)).all()
    assert ((many.azimuth_deg >= 0) & (many.azimuth_deg < 360)).all()
    assert (np.abs(many.elevation_deg) <= 90).all()


def test_the_origin_of_poses_and_the_unit_of_keypoints_have_no_influence(
    tiny_pose_depth: DepthRefiner,
) -> None:
    expected = tiny_pose_depth.refine(POSES, None, POINTS)
    found = tiny_pose_depth.refine(POSES + np.array([1, 2, 3]), None, 300 + 50 * POINTS)
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-4)


def test_a_mirror_image_is_refined_to_the_mirror_image(tiny_pose_depth: DepthRefiner) -> None:
    order = list(COCO_17_MIRRORED)
    flip = np.array([-1, 1, 1])
    found = tiny_pose_depth.refine(POSES, VISIBILITY, POINTS)
    flipped = tiny_pose_depth.refine(
        POSES[:, order] * flip, VISIBILITY[:, order], POINTS[:, order] * flip[:2]
    )
    np.testing.assert_allclose(flipped.joints[:, order] * flip, found.joints, atol=1e-5)
    np.testing.assert_allclose(flipped.confidence[:, order], found.confidence, atol=1e-5)
    turned = np.deg2rad(flipped.azimuth_deg + found.azimuth_deg)
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-5)


def test_all_landmarks_of_mediapipe_move_with_their_keypoints(
    tiny_pose_depth: DepthRefiner,
) -> None:
    poses, points = RNG.normal(size=(2, 33, 3)), RNG.normal(size=(2, 33, 2))
    chosen = list(MEDIAPIPE_OF_COCO)
    found = tiny_pose_depth.refine(poses, None, points)
    keypoints = tiny_pose_depth.refine(poses[:, chosen], None, points[:, chosen])
    np.testing.assert_allclose(found.joints[:, chosen], keypoints.joints, atol=1e-5)
    moved = found.joints - poses
    for landmark, keypoint in enumerate(COCO_OF_MEDIAPIPE):
        np.testing.assert_allclose(moved[:, landmark], moved[:, chosen[keypoint]], atol=1e-5)


def test_windows_of_a_long_sequence_fit_together(
    tiny_pose_depth: DepthRefiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny_pose_depth.refine_sequence(POSES, VISIBILITY, POINTS, 5.0)
    monkeypatch.setattr(predictor, "WINDOW", 3)
    parts = tiny_pose_depth.refine_sequence(POSES, VISIBILITY, POINTS, 5.0)
    np.testing.assert_allclose(parts.joints, whole.joints, atol=1e-5)
    np.testing.assert_allclose(parts.confidence, whole.confidence, atol=1e-5)


def test_a_batch_gives_each_item_what_it_gets_alone(tiny_pose_depth: DepthRefiner) -> None:
    items = [
        observed(POSES[:3], POINTS[:3], VISIBILITY[:3]),
        observed(POSES, POINTS, VISIBILITY, np.arange(NUM) / 10),
        observed(POSES[5:6], POINTS[5:6]),
    ]
    together = tiny_pose_depth.predict_batch(items)
    for item, found in zip(items, together, strict=True):
        (alone,) = tiny_pose_depth.predict_batch([item])
        np.testing.assert_allclose(found.joints, alone.joints, atol=1e-5)
        np.testing.assert_allclose(found.azimuth_deg, alone.azimuth_deg, atol=1e-2)
    assert tiny_pose_depth.predict_batch([]) == []


@pytest.mark.parametrize(
    "network",
    [
        TemporalRefiner(TemporalRefinerConfig(width=16, num_heads=2, num_blocks=1)),
        PoseAwareDepthRefiner(
            DepthRefinerConfig(width=16, num_layers=1, num_heads=2, feedforward=16, camera_width=8)
        ),
    ],
    ids=["temporal", "reference"],
)
def test_a_checkpoint_gives_back_its_network(
    tmp_path: Path, network: TemporalRefiner | PoseAwareDepthRefiner
) -> None:
    # What half precision keeps.
    network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    path = tmp_path / "pose_depth.safetensors"
    save_refiner_checkpoint(path, network, 0, HEADER)
    loaded = DepthRefiner.from_checkpoint(path)
    expected = DepthRefiner(network).refine(POSES, None, POINTS)
    found = loaded.refine(POSES, None, POINTS)
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-6)
    assert loaded.header is not None


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pose_depth.safetensors"
    network = TemporalRefiner(TemporalRefinerConfig(width=16, num_heads=2, num_blocks=1))
    network.config = TemporalRefinerConfig(width=32, num_heads=2, num_blocks=1)
    save_refiner_checkpoint(path, network, 0, HEADER)
    with pytest.raises(CheckpointError, match="does not fit"):
        DepthRefiner.from_checkpoint(path)


@pytest.mark.parametrize(("rate", "spread"), [(0.0, 0.1), (np.nan, 0.1), (30.0, -1.0), (30.0, 2.0)])
def test_times_that_cannot_be_are_refused(
    tiny_pose_depth: DepthRefiner, rate: float, spread: float
) -> None:
    with pytest.raises(InvalidInputError, match="frame_rate"):
        tiny_pose_depth.refine_sequence(POSES, None, POINTS, rate, spread)


def test_smoothing_is_a_mean_with_gaussian_weights() -> None:
    joints = POSES.astype(np.float32)
    seconds = np.sort(RNG.uniform(0, 1, NUM))
    found = smoothed(joints, seconds, 0.1)
    for frame in range(NUM):
        weights = np.exp(-0.5 * ((seconds - seconds[frame]) / 0.1) ** 2)
        weights[np.abs(seconds - seconds[frame]) > 0.4] = 0
        expected = np.average(joints, axis=0, weights=weights)
        np.testing.assert_allclose(found[frame], expected, atol=1e-5)
    assert smoothed(joints, seconds, 0.0) is joints


def test_smoothing_leaves_what_does_not_move() -> None:
    still = np.repeat(POSES[:1], 30, axis=0).astype(np.float32)
    np.testing.assert_allclose(smoothed(still, np.arange(30) / 30, 0.05), still, atol=1e-6)


def test_a_thousand_frames_take_less_than_two_seconds() -> None:
    torch.manual_seed(0)
    refiner = DepthRefiner(TemporalRefiner(TemporalRefinerConfig()))
    poses, points = RNG.normal(size=(1000, 33, 3)), RNG.normal(size=(1000, 33, 2))
    began = time.process_time()
    refiner.refine_sequence(poses, None, points)
    assert time.process_time() - began < 2
