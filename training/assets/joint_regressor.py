"""Joints as weighted sums of the vertices around them.

B bodies, V vertices, J joints.
"""

from typing import Any

import numpy as np
from tqdm import tqdm

Array = np.ndarray[Any, np.dtype[Any]]

NUM_NEAREST = 2500
NUM_CANDIDATES = 500
RIDGE = 1e-4


def fit_joint_regressor(
    vertices: Array,
    joints: Array,
    num_nearest: int = NUM_NEAREST,
    num_candidates: int = NUM_CANDIDATES,
    ridge: float = RIDGE,
) -> Array:
    """The regressor (J, V) that best gives the joints of these bodies. Its rows sum to one.

    Weights may be negative: joints lie inside the body and some off the centre of the vertices
    around them, where no weighted mean reaches all sizes of people. They are drawn towards equal
    weights, so that none grows large.

    Args:
        vertices: (B, V, 3), metres.
        joints: (B, J, 3), metres.
        num_nearest: How many of the vertices nearest to a joint are looked at.
        num_candidates: How many of those may get a weight, evenly chosen from near to far.
        ridge: How strongly weights are drawn towards equal ones, relative to the data.
    """
    mean_vertices = vertices.mean(axis=0, dtype=np.float64)
    mean_joints = joints.mean(axis=0, dtype=np.float64)
    regressor = np.zeros((joints.shape[1], vertices.shape[1]))
    for joint in tqdm(range(joints.shape[1]), desc="joint regressor", unit="joint"):
        distances = np.linalg.norm(mean_vertices - mean_joints[joint], axis=1)
        nearest = np.argsort(distances, kind="stable")[:num_nearest]
        chosen = nearest[:: max(1, len(nearest) // num_candidates)][:num_candidates]
        points = vertices[:, chosen].astype(np.float64)
        regressor[joint, chosen] = _affine_weights(points, joints[:, joint], ridge)
    return regressor


def _affine_weights(points: Array, targets: Array, ridge: float) -> Array:
    """Weights (n,) that sum to one, of points (B, n, 3), for targets (B, 3): ridge regression."""
    num_points = points.shape[1]
    centre = points.mean(axis=1)
    # Measured from the centre of the points equal weights give zero, and what the remaining
    # deviations sum to no longer matters; taking their mean off makes the sum exactly one.
    design = (points - centre[:, None]).transpose(0, 2, 1).reshape(-1, num_points)
    residual = (targets - centre).reshape(-1)
    gram = design.T @ design
    damping = ridge * np.trace(gram) / num_points
    deviations = np.linalg.solve(gram + damping * np.eye(num_points), design.T @ residual)
    weights: Array = 1 / num_points + deviations - deviations.mean()
    return weights
