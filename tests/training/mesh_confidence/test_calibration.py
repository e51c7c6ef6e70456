import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax

from model.mesh_confidence.network import MeshConfidenceConfig, TrustEnsemble
from training.mesh_confidence.calibration import calibrate, inverse_temperature, scale_of_odds
from training.mesh_confidence.data import MeshErrors
from training.mesh_confidence.metrics import judge_rows, mesh_metrics


def test_a_known_scale_of_odds_is_found_again() -> None:
    generator = np.random.default_rng(0)
    odds = generator.normal(-1, 2, 40_000)
    truth = generator.random(40_000) < expit(0.5 * odds)
    assert scale_of_odds(odds, truth) == pytest.approx(0.5, abs=0.03)


def test_a_known_temperature_is_found_again() -> None:
    generator = np.random.default_rng(1)
    logs = log_softmax(generator.normal(0, 2, (20_000, 14)), axis=1)
    sharp = log_softmax(0.5 * logs, axis=1)
    truth = (np.cumsum(np.exp(sharp), 1) > generator.random((20_000, 1))).argmax(1)
    assert inverse_temperature(logs, truth) == pytest.approx(0.5, abs=0.03)


def test_calibration_makes_an_overconfident_ensemble_honest(rows: MeshErrors) -> None:
    torch.manual_seed(0)
    network = TrustEnsemble(MeshConfidenceConfig(members=2, width=8)).eval()
    with torch.no_grad():
        network.weights[-1].mul_(60)
        network.biases[-1][:, 0] = -3
    judged = judge_rows(network, rows).good
    assert judged is not None
    before = mesh_metrics(judged, rows.errors)
    with torch.inference_mode():
        calibrate(network, rows)
    judged = judge_rows(network, rows).good
    assert judged is not None
    after = mesh_metrics(judged, rows.errors)
    assert after["ece"] < 0.5 * before["ece"]
    # No verdict and no order has changed.
    assert after["accuracy"] == before["accuracy"]
    assert after["auroc"] == pytest.approx(before["auroc"], abs=0.01)
