"""Errors of a predicted body, and of bodies that need no photo.

PVE: mean distance of corresponding vertices, as posed, after the pelvises are put together.
PVE-T: likewise in T-pose. PVE-T-SC: in T-pose, after position and size are taken out. MPJPE: mean
distance of SMPL's 24 joints, pelvises together. PA-MPJPE: the same after the similarity transform
that fits best (Procrustes analysis). All in millimetres.

J joints, V vertices, M measurements.
"""

from typing import NamedTuple

import numpy as np

from model.body.measurements import MEASUREMENTS
from model.body.metrics import mean_error_mm, pve_t_sc_mm

GIRTHS = ("bust_girth", "waist_girth", "hip_girth")
"""Measurements whose errors are reported one by one."""
NAMES = tuple(measurement.name for measurement in MEASUREMENTS)
UNKNOWN = float("nan")


class ShapeErrors(NamedTuple):
    """Of a body in T-pose, in millimetres; NaN where there is no body."""

    pve_t_sc: float = UNKNOWN
    pve_t: float = UNKNOWN
    bust: float = UNKNOWN
    """Absolute error of the girth, as the next two."""
    waist: float = UNKNOWN
    hip: float = UNKNOWN
    height: float = UNKNOWN
    """Absolute error."""


class PoseErrors(NamedTuple):
    """Of a posed body, in millimetres; NaN where there is none."""

    pve: float = UNKNOWN
    mpjpe: float = UNKNOWN
    pa_mpjpe: float = UNKNOWN


class TPose(NamedTuple):
    """A body in T-pose and what a tape says of it."""

    vertices: np.ndarray
    """(V, 3) in metres."""
    measured: np.ndarray
    """(M,) in the order of `MEASUREMENTS`."""


def shape_errors(predicted: TPose, truth: TPose) -> ShapeErrors:
    """Compare two bodies in T-pose."""
    apart = np.abs(predicted.measured - truth.measured) * 1000
    bust, waist, hip = (float(apart[NAMES.index(name)]) for name in GIRTHS)
    return ShapeErrors(
        pve_t_sc_mm(predicted.vertices, truth.vertices),
        mean_error_mm(predicted.vertices, truth.vertices),
        bust,
        waist,
        hip,
        float(apart[NAMES.index("height")]),
    )


def pose_errors(
    vertices: np.ndarray, joints: np.ndarray, true_vertices: np.ndarray, true_joints: np.ndarray
) -> PoseErrors:
    """Compare two posed bodies.

    Args:
        vertices: (V, 3) in metres.
        joints: (J, 3) in metres, the pelvis first.
        true_vertices: As `vertices`.
        true_joints: As `joints`.
    """
    return PoseErrors(
        mean_error_mm(vertices - joints[0], true_vertices - true_joints[0]),
        mpjpe_mm(joints, true_joints),
        pa_mpjpe_mm(joints, true_joints),
    )


def mpjpe_mm(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of joints (J, 3) in metres when their first ones, the pelvises, coincide."""
    return mean_error_mm(joints - joints[:1], truth - truth[:1])


def pa_mpjpe_mm(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of joints (J, 3) in metres after the similarity that fits best."""
    return mean_error_mm(similarity_aligned(joints, truth), truth)


def similarity_aligned(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points moved, turned and scaled to lie as near to others as they can; no mirror image.

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point
    Patterns, TPAMI 1991.

    Args:
        points: (J, 3).
        target: (J, 3), in the same order.
    """
    centre, goal = points.mean(0), target.mean(0)
    ours, theirs = points - centre, target - goal
    left, sizes, right = np.linalg.svd(theirs.T @ ours)
    mirrored = np.linalg.det(left @ right) < 0
    signs = np.array([1.0, 1.0, -1.0 if mirrored else 1.0])
    rotation = (left * signs) @ right
    spread = np.square(ours).sum()
    scale = (sizes * signs).sum() / spread if spread else 1.0
    aligned: np.ndarray = scale * ours @ rotation.T + goal
    return aligned
