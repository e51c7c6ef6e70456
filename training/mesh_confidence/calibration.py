"""Fits a trust ensemble's temperatures to rows that it has not learned from.

Temperatures change no verdict and no order. An offset of the odds would move verdicts by how many
meshes are good among these rows, which differs from one dataset to the next.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.

N rows.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from model.mesh_confidence.network import TrustEnsemble
from model.mesh_confidence.predictor import GOOD_ERROR
from training.mesh_confidence.data import MeshErrors, in_batches

BOUNDS = (0.1, 10.0)
"""Of inverse temperatures: few rows must not make a verdict certain."""


@torch.no_grad()
def calibrate(network: TrustEnsemble, rows: MeshErrors) -> None:
    """Replace the network's temperatures by those with the least cross-entropy on rows."""
    device = network.good_calibration.device
    judged = [network.uncalibrated(batch.features.to(device)) for batch in in_batches(rows)]
    good, worst, joints = (
        torch.cat([one[part] for one in judged]).double().cpu().numpy()  # type: ignore[misc]
        for part in range(3)
    )
    small = rows.errors <= GOOD_ERROR
    network.good_calibration.fill_(scale_of_odds(good, small.all(1)))
    network.joint_calibration.fill_(scale_of_odds(joints.ravel(), small.ravel()))
    network.worst_calibration.fill_(inverse_temperature(worst, rows.errors.argmax(1)))


def scale_of_odds(odds: np.ndarray, truth: np.ndarray) -> float:
    """Inverse temperature of logarithmic odds.

    Args:
        odds: (N,).
        truth: (N,) bool.
    """
    signed = np.where(truth, odds, -odds)

    def loss(scale: np.ndarray) -> float:
        return float(np.logaddexp(0, -scale[0] * signed).mean())

    return float(minimize(loss, [1.0], bounds=[BOUNDS], method="L-BFGS-B").x[0])


def inverse_temperature(log_probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Factor of the logarithms of probabilities.

    Args:
        log_probabilities: (N, 14).
        truth: (N,) the right column.
    """
    rows = np.arange(len(truth))

    def loss(parameters: np.ndarray) -> float:
        scaled = log_softmax(parameters[0] * log_probabilities, axis=1)
        return float(-scaled[rows, truth].mean())

    return float(minimize(loss, [1.0], bounds=[BOUNDS], method="L-BFGS-B").x[0])
