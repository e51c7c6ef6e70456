"""How far poses are from the true ones.

N frames of one sequence. Poses are hip-centred, in metres, in the camera's axes: x right, y down, z
away. A joint that is not known in the truth is NaN there and does not count.
"""

from typing import NamedTuple

import numpy as np

from model.pose_depth.skeleton import BODY, BONES, SYMMETRIC_BONES

LEAST_DEPTH_M = 0.05
"""Limbs whose ends are closer in depth than this have no sign."""
FIRST_LIMB = 4
"""Of `BONES`; those before are of the trunk."""
_BODY = list(BODY)
_LIMBS = np.array(BONES[FIRST_LIMB:])
_BONES = np.array(BONES)


class FrameScores(NamedTuple):
    """Of each frame of a sequence, (N,); NaN where a score is not defined."""

    depth: np.ndarray
    """Mean absolute error of z over shoulders, elbows, wrists, hips, knees and ankles, metres."""
    depth_bias: np.ndarray
    """Mean error of z, metres: positive where joints are too far away."""
    mpjpe: np.ndarray
    """Mean distance of the same joints, metres."""
    pa_mpjpe: np.ndarray
    """The same after the best rotation, translation and scale, metres."""
    sign: np.ndarray
    """Share of limbs whose far end is rightly nearer to the camera, or farther, than their near
    end."""
    limb_angle_deg: np.ndarray
    """Mean angle between limbs and the true ones."""
    asymmetry: np.ndarray
    """Mean difference of left and right limbs over their mean length."""


class SequenceScores(NamedTuple):
    """Of a whole sequence; NaN where there are too few frames."""

    bone_variation: float
    """Standard deviation of a bone's length over time, over its mean: mean over bones."""
    jitter: float
    """Mean error of the acceleration of joints, metres a second squared."""


def frame_scores(joints: np.ndarray, truth: np.ndarray) -> FrameScores:
    """Scores of each frame.

    Args:
        joints: (N, 17, 3).
        truth: (N, 17, 3); NaN where a joint is not known.
    """
    errors = (joints - truth)[:, _BODY].astype(np.float64)
    return FrameScores(
        _mean(np.abs(errors[..., 2])),
        _mean(errors[..., 2]),
        _mean(np.linalg.norm(errors, axis=-1)),
        np.array([_aligned_error(*pair) for pair in zip(joints, truth, strict=True)]),
        _sign_scores(joints, truth),
        _mean(_limb_angles_deg(joints, truth)),
        _asymmetry(joints),
    )


def sequence_scores(joints: np.ndarray, truth: np.ndarray, seconds: np.ndarray) -> SequenceScores:
    """Scores of a sequence.

    Args:
        joints: (N, 17, 3).
        truth: (N, 17, 3); NaN where a joint is not known.
        seconds: (N,) ascending.
    """
    variation = np.nan
    if len(joints) > 1:
        lengths = bone_lengths(joints)
        variation = float(np.mean(lengths.std(0) / np.maximum(lengths.mean(0), 1e-6)))
    return SequenceScores(variation, _jitter(joints - truth, seconds))


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """(N, 12) of `BONES`, metres."""
    between = joints[:, _BONES[:, 0]] - joints[:, _BONES[:, 1]]
    lengths: np.ndarray = np.linalg.norm(between.astype(np.float64), axis=-1)
    return lengths


def circular_error_deg(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Smallest angle between azimuths, in [0, 180]."""
    apart: np.ndarray = np.abs((found - true + 180) % 360 - 180)
    return apart


def circular_mean_deg(angles: np.ndarray) -> float:
    """Mean direction, in [0, 360)."""
    turned = np.exp(1j * np.deg2rad(angles)).mean()
    return float(np.rad2deg(np.angle(turned)) % 360)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(-1)
    total = np.where(known, values, 0).sum(-1)
    mean: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _aligned_error(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance after the best similarity transform.

    Source: Umeyama, Least-squares estimation of transformation parameters between two point
    patterns, PAMI 1991.
    """
    known = [joint for joint in _BODY if np.isfinite(truth[joint]).all()]
    if len(known) < 4:
        return float("nan")
    given, wanted = joints[known].astype(np.float64), truth[known].astype(np.float64)
    given, wanted = given - given.mean(0), wanted - wanted.mean(0)
    left, stretch, right = np.linalg.svd(given.T @ wanted)
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation = left * signs @ right
    scale = (stretch * signs).sum() / max(float(np.square(given).sum()), 1e-12)
    return float(np.linalg.norm(scale * given @ rotation - wanted, axis=-1).mean())


def _sign_scores(joints: np.ndarray, truth: np.ndarray) -> np.ndarray:
    found, true = (
        (pose[:, _LIMBS[:, 1], 2] - pose[:, _LIMBS[:, 0], 2]).astype(np.float64)
        for pose in (joints, truth)
    )
    right = np.where(np.abs(true) > LEAST_DEPTH_M, (found * true > 0).astype(float), np.nan)
    return _mean(right)


def _limb_angles_deg(joints: np.ndarray, truth: np.ndarray) -> np.ndarray:
    found, true = (
        (pose[:, _LIMBS[:, 1]] - pose[:, _LIMBS[:, 0]]).astype(np.float64)
        for pose in (joints, truth)
    )
    across = np.linalg.norm(np.cross(found, true), axis=-1)
    angles: np.ndarray = np.rad2deg(np.arctan2(across, (found * true).sum(-1)))
    return angles


def _asymmetry(joints: np.ndarray) -> np.ndarray:
    lengths = bone_lengths(joints)
    left, right = (lengths[:, list(side)] for side in zip(*SYMMETRIC_BONES, strict=True))
    apart: np.ndarray = (2 * np.abs(left - right) / np.maximum(left + right, 1e-6)).mean(1)
    return apart


def _jitter(errors: np.ndarray, seconds: np.ndarray) -> float:
    """Mean norm of the second difference of errors (N, 17, 3) over evenly spaced frames."""
    if len(errors) < 3:
        return float("nan")
    steps = np.diff(seconds)
    even = np.isclose(steps[1:], steps[:-1], rtol=0.01)
    second = errors[2:] - 2 * errors[1:-1] + errors[:-2]
    accelerations = second[:, _BODY] / (steps[1:, None, None] ** 2)
    return float(_mean(np.linalg.norm(accelerations, axis=-1)[even].reshape(-1)))
