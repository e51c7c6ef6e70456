import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyPredictor
from model.checkpoint import load_header
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import load_regressor
from model.reconstruction.intervals import NUM_KNOWN, Circumstances
from model.reconstruction.predictor import ReconstructionItem, ReconstructionPredictor
from tests.training.reconstruction.conftest import prepare_folder, write_regressor
from tests.training.reconstruction.people_world import KnowingNetwork, write_people
from training.reconstruction import calibrate
from training.reconstruction.calibrate import (
    calibrated,
    error_correlation,
    halves,
    looseness_edges,
)
from training.reconstruction.circumstances import SeenPeople, SeenPerson
from training.reconstruction.data import view_of
from training.reconstruction.estimating import Estimator
from training.reconstruction.quantile_regression import quantile_regression
from training.reconstruction.stored_people import StoredPeople

M = len(MEASUREMENTS)


def test_a_quantile_regression_leaves_the_share_below(rng: np.random.Generator) -> None:
    spread = rng.uniform(0.5, 2, 600)
    values = 3 + spread * rng.normal(size=600)
    features = np.column_stack([np.ones(600), spread])
    for share in (0.05, 0.5, 0.95):
        found = quantile_regression(features, values, share)
        below = values < features @ found
        assert below.mean() == pytest.approx(share, abs=0.01)
        for half in (spread < 1.2, spread >= 1.2):
            assert below[half].mean() == pytest.approx(share, abs=0.06)


def test_no_other_line_has_less_pinball_loss(rng: np.random.Generator) -> None:
    features = np.column_stack([np.ones(60), rng.normal(size=60), np.zeros(60)])
    values = rng.normal(size=60) * 1e-4

    def pinball(line: np.ndarray) -> float:
        above = values - features @ line
        return float(np.maximum(0.9 * above, -0.1 * above).sum())

    found = quantile_regression(features, values, 0.9)
    for _ in range(100):
        assert pinball(found + rng.normal(0, 1e-5, 3)) >= pinball(found) - 1e-9


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_regression(np.ones((3, 1)), np.zeros(3), 1.0)


def people(rng: np.random.Generator, number: int) -> list[SeenPerson]:
    """Errors that grow with the looseness, and are larger than the deviations say."""
    found = []
    for _ in range(number):
        looseness = float(rng.uniform(0, 1))
        truth = rng.uniform(0.5, 2, M)
        deviations = rng.uniform(0.01, 0.03, M)
        values = truth + rng.normal(size=M) * deviations * (1 + 3 * looseness)
        about = Circumstances(deviations, looseness, 0.0)
        found.append(SeenPerson(values, about, truth, rng.normal(size=10)))
    return found


def test_intervals_cover_nine_of_ten_in_every_group_of_new_people(
    rng: np.random.Generator,
) -> None:
    seen = people(rng, 400)
    # Bounds are fitted to 60 of them: they only have to be in the right proportion.
    is_fitting = np.arange(400) % 7 == 0
    parameters = calibrated([seen] * NUM_KNOWN, is_fitting, 3)
    assert len(parameters.edges) == 2
    inside, groups = [], []
    for one in people(rng, 600):
        low, high = parameters.bounds(one.values, one.about)
        inside.append((low <= one.truth) & (one.truth <= high))
        groups.append(parameters.group(one.about.looseness))
    covered = np.array(inside)
    assert covered.mean() == pytest.approx(0.9, abs=0.02)
    for group in range(3):
        assert covered[np.array(groups) == group].mean() == pytest.approx(0.9, abs=0.03)


def test_groups_are_joined_until_each_has_enough(rng: np.random.Generator) -> None:
    values = rng.uniform(size=100).tolist()
    is_fitting = np.arange(100) % 2 == 0
    assert len(looseness_edges(values, is_fitting, 4)) + 1 == 2
    assert len(looseness_edges(values, is_fitting, 1)) == 0
    with pytest.raises(InvalidInputError, match="too few to calibrate"):
        looseness_edges(values[:20], is_fitting[:20], 4)


def test_nobody_is_in_both_halves() -> None:
    persons = ["a", "a", "b", "c", "c", "d", "a"]
    assert halves(persons).tolist() == [True, True, False, True, True, False, True]


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_the_correlation_of_errors_is_found(rng: np.random.Generator, share: float) -> None:
    persons = [person for person in range(300) for _ in range(4)]
    common = np.repeat(rng.normal(size=(300, 10)), 4, axis=0)
    errors = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(1200, 10))
    nothing = Circumstances(np.ones(M), 0.0, 0.0)
    found = [SeenPerson(np.ones(M), nothing, np.ones(M), row) for row in errors]
    assert error_correlation(found, persons) == pytest.approx(share, abs=0.05)
    assert error_correlation(found[:1], persons[:1]) == 1


def test_what_is_seen_is_what_the_service_would_say(
    regressor_path: Path, stored: StoredPeople
) -> None:
    estimator = Estimator.from_checkpoint(regressor_path, torch.device("cpu"))
    served = ReconstructionPredictor.from_checkpoint(regressor_path)
    for known in range(NUM_KNOWN):
        (seen,) = SeenPeople(estimator).of([stored[2]], known)
        view = view_of(stored[2], served.config, bool(known & 1), bool(known & 2))
        ((expected,),) = served.predict_batch([ReconstructionItem((view,))])
        values = [one.value for one in expected.measurements]
        np.testing.assert_allclose(seen.values, values, rtol=1e-4)
        assert seen.about.known == known
        # The checkpoint's intervals are normal ones: 1.645 deviations to either side.
        low = np.array([one.low for one in expected.measurements])
        wanted = seen.values - 1.645 * seen.about.deviations
        np.testing.assert_allclose(low[0], wanted[0], rtol=1e-3)


def arguments(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    calibrate.configure(parser)
    return parser.parse_args([*map(str, words)])


def test_the_command_writes_a_calibrated_checkpoint(
    regressor_path: Path,
    tiny_body: BodyPredictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = write_people(tmp_path / "people", tiny_body, 10, seed=5)
    network = KnowingNetwork(root)
    prepared = prepare_folder(root, tmp_path / "prepared", tiny_body, network, "", 9)
    monkeypatch.setattr(calibrate, "LEAST_OF_GROUP", 9)
    out = tmp_path / "calibrated.safetensors"
    words = ("--checkpoint", regressor_path, "--people", prepared, "--out", out)
    assert calibrate.run(arguments(*words)) == 0
    assert "errors of a person's photos correlated by" in capsys.readouterr().out
    regressor = load_regressor(out)
    assert np.abs(regressor.intervals.widening).max() > 0
    assert 0 <= regressor.error_correlation <= 1
    lineage = load_header(out).lineage
    assert len(lineage) == 2
    assert "seeds 9" in lineage[-1].data


def test_a_regressor_that_is_never_served_is_refused(
    body_path: Path,
    tiny_body: BodyPredictor,
    stored: StoredPeople,
    test_people: Path,
    tmp_path: Path,
) -> None:
    checkpoint = write_regressor(tmp_path, body_path, tiny_body, stored, "body")
    words = ("--checkpoint", checkpoint, "--people", test_people, "--out", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="never served"):
        calibrate.run(arguments(*words))
