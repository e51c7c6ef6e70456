"""Fits a trust ensemble's calibration to rows that it has not learned from.

Sources: Platt, Probabilistic Outputs for Support Vector Machines, 1999; Guo et al., On Calibration
of Modern Neural Networks, ICML 2017, section 4.

N rows.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from model.mesh_confidence.network import TrustEnsemble
from model.mesh_confidence.predictor import GOOD_ERROR
from training.mesh_confidence.data import MeshErrors, in_batches

BOUNDS = (0.1, 10.0)
"""Of scales: few rows must not make a verdict certain, or turn it around."""
OFFSETS = (-5.0, 5.0)


@torch.no_grad()
def calibrate(network: TrustEnsemble, rows: MeshErrors) -> None:
    """Replace the network's calibration by the one with the least cross-entropy on rows."""
    device = network.good_calibration.device
    judged = [network.uncalibrated(batch.features.to(device)) for batch in in_batches(rows)]
    good, worst, joints = (
        torch.cat([one[part] for one in judged]).double().cpu().numpy()  # type: ignore[misc]
        for part in range(3)
    )
    small = rows.errors <= GOOD_ERROR
    platt = platt_scale(good, small.all(1)), platt_scale(joints.ravel(), small.ravel())
    for buffer, found in zip(
        (network.good_calibration, network.joint_calibration), platt, strict=True
    ):
        buffer.copy_(torch.tensor(found))
    network.worst_calibration.fill_(inverse_temperature(worst, rows.errors.argmax(1)))


def platt_scale(odds: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Scale and offset of logarithmic odds.

    Args:
        odds: (N,).
        truth: (N,) bool.
    """
    sign = np.where(truth, 1.0, -1.0)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        margins = sign * (parameters[0] * odds + parameters[1])
        slope = -sign * expit(-margins) / len(odds)
        gradient = np.array([(slope * odds).sum(), slope.sum()])
        return float(np.logaddexp(0, -margins).mean()), gradient

    found = minimize(loss, [1.0, 0.0], jac=True, bounds=[BOUNDS, OFFSETS], method="L-BFGS-B")
    scale, offset = found.x.tolist()
    return scale, offset


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
