"""Smooths joints over time."""

import numpy as np
from jaxtyping import Float32
from scipy.sparse import csr_array

REACH = 4.0
"""How many spreads a weight reaches."""


def smoothed(
    joints: Float32[np.ndarray, "N K 3"], seconds: np.ndarray, spread_s: float
) -> Float32[np.ndarray, "N K 3"]:
    """Means over time with Gaussian weights; the ends have fewer neighbours.

    Args:
        joints: Of each frame.
        seconds: (N,) ascending.
        spread_s: Standard deviation of the weights; 0 changes nothing.
    """
    if spread_s == 0:
        return joints
    first = np.searchsorted(seconds, seconds - REACH * spread_s)
    last = np.searchsorted(seconds, seconds + REACH * spread_s, "right")
    rows = np.repeat(np.arange(len(seconds)), last - first)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    weights = np.exp(-0.5 * ((seconds[rows] - seconds[columns]) / spread_s) ** 2)
    matrix = csr_array((weights, (rows, columns)), shape=(len(seconds),) * 2)
    mean = (matrix @ joints.reshape(len(joints), -1).astype(np.float64)) / matrix.sum(1)[:, None]
    return mean.reshape(joints.shape).astype(np.float32)
