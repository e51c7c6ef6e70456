"""Scores of poses with known errors."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.training.pose_depth.conftest import REST
from training.pose_depth.metrics import (
    circular_error_deg,
    circular_mean_deg,
    frame_scores,
    sequence_scores,
)

RNG = np.random.default_rng(0)
TRUTH = np.stack([Rotation.random(random_state=seed).apply(REST) for seed in range(5)])


def test_a_perfect_pose_has_no_error() -> None:
    scores = frame_scores(TRUTH, TRUTH)
    for name in ("depth", "depth_bias", "mpjpe", "pa_mpjpe", "limb_angle_deg", "asymmetry"):
        np.testing.assert_allclose(getattr(scores, name), 0, atol=1e-6)
    assert (scores.sign == 1).all()


def test_depth_and_distance_are_means_over_body_joints() -> None:
    moved = TRUTH + np.array([0.03, 0, -0.04])
    moved[:, :5] += 9, 9, 9  # the face does not count
    scores = frame_scores(moved, TRUTH)
    np.testing.assert_allclose(scores.depth, 0.04)
    np.testing.assert_allclose(scores.depth_bias, -0.04)
    np.testing.assert_allclose(scores.mpjpe, 0.05)


def test_a_similarity_transform_is_forgiven_by_pa_mpjpe_and_a_mirror_image_is_not() -> None:
    turn = Rotation.from_rotvec([0.3, 0.5, -0.2])
    moved = np.stack([1.3 * turn.apply(pose) + 0.2 for pose in TRUTH])
    np.testing.assert_allclose(frame_scores(moved, TRUTH).pa_mpjpe, 0, atol=1e-9)
    assert frame_scores(moved, TRUTH).mpjpe.min() > 0.1
    bent = TRUTH + RNG.normal(0, 0.2, TRUTH.shape)
    assert frame_scores(bent * [-1, 1, 1], bent).pa_mpjpe.min() > 0.05


def test_pa_mpjpe_is_no_better_than_a_search_over_rotations() -> None:
    given = TRUTH[0] + RNG.normal(0, 0.1, (17, 3))
    (found,) = frame_scores(given[None], TRUTH[:1]).pa_mpjpe
    body = slice(5, 17)
    wanted = TRUTH[0, body] - TRUTH[0, body].mean(0)
    centred = given[body] - given[body].mean(0)

    def squares(turned: np.ndarray) -> float:
        scale = (turned * wanted).sum() / np.square(turned).sum()
        return float(np.square(scale * turned - wanted).sum())

    rotations = [Rotation.from_rotvec(RNG.normal(0, 0.2, 3)) for _ in range(3000)]
    best = min((r.apply(centred) for r in rotations), key=squares)
    scale = (best * wanted).sum() / np.square(best).sum()
    searched = np.linalg.norm(scale * best - wanted, axis=-1).mean()
    assert found == pytest.approx(searched, abs=0.01)


def test_the_sign_of_depth_is_that_of_each_limb() -> None:
    truth = np.zeros((1, 17, 3))
    truth[0, 9, 2] = 0.3  # left wrist behind the elbow
    truth[0, 10, 2] = -0.3  # right wrist before the elbow
    truth[0, 15, 2] = 0.01  # too little to have a sign
    found = truth.copy()
    found[0, 9, 2] = -0.1
    assert frame_scores(found, truth).sign.tolist() == [0.5]
    assert np.isnan(frame_scores(found, np.zeros((1, 17, 3))).sign).all()


def test_limb_angles_are_measured_in_degrees() -> None:
    found = TRUTH.copy()
    upper = TRUTH[:, 7] - TRUTH[:, 5]
    axis = np.cross(upper, [0.3, 0.2, 0.9])
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    turned = Rotation.from_rotvec(np.deg2rad(40) * axis).apply(upper)
    found[:, [7, 9]] += (turned - upper)[:, None]  # the forearm goes along
    np.testing.assert_allclose(frame_scores(found, TRUTH).limb_angle_deg, 40 / 8, atol=1e-6)


def test_unknown_joints_do_not_count() -> None:
    truth = TRUTH.copy()
    truth[:, 9] = np.nan
    found = TRUTH + 0.1
    found[:, 9] += 5
    scores = frame_scores(found, truth)
    np.testing.assert_allclose(scores.depth, 0.1)
    np.testing.assert_allclose(scores.pa_mpjpe, 0, atol=1e-9)
    assert np.isnan(frame_scores(found, np.full_like(TRUTH, np.nan)).mpjpe).all()


def test_asymmetry_is_the_difference_over_the_mean_length() -> None:
    pose = REST[None].copy()
    pose[0, 9] = pose[0, 7] + 1.2 * (pose[0, 9] - pose[0, 7])
    expected = 2 * (1.2 - 1) / (1.2 + 1) / 4
    np.testing.assert_allclose(frame_scores(pose, pose).asymmetry, expected, atol=1e-6)


def test_bones_that_change_their_length_vary() -> None:
    seconds = np.arange(4) / 10
    still = np.repeat(REST[None], 4, axis=0)
    assert sequence_scores(still, still, seconds).bone_variation == pytest.approx(0)
    factors = np.array([0.9, 1.1, 0.9, 1.1])
    pulsing = still * factors[:, None, None]
    assert sequence_scores(pulsing, still, seconds).bone_variation == pytest.approx(0.1)
    assert np.isnan(sequence_scores(still[:1], still[:1], seconds[:1]).bone_variation)


def test_jitter_is_the_error_of_the_acceleration() -> None:
    seconds = np.arange(5) / 10
    truth = np.repeat(REST[None], 5, axis=0)
    moved = truth + seconds[:, None, None] * np.array([1.0, 0, 0])  # no acceleration
    assert sequence_scores(moved, truth, seconds).jitter == pytest.approx(0, abs=1e-9)
    faster = truth + 0.5 * seconds[:, None, None] ** 2 * np.array([0, 0, 3.0])
    assert sequence_scores(faster, truth, seconds).jitter == pytest.approx(3.0)
    uneven = np.array([0, 0.1, 0.5, 0.6, 2])
    assert np.isnan(sequence_scores(moved, truth, uneven).jitter)


def test_angles_go_around() -> None:
    np.testing.assert_allclose(
        circular_error_deg(np.array([359, 10, 180]), np.array([1, 350, 0])), [2, 20, 180]
    )
    assert circular_mean_deg(np.array([350.0, 10.0])) == pytest.approx(0, abs=1e-6) or (
        circular_mean_deg(np.array([350.0, 10.0])) == pytest.approx(360)
    )
