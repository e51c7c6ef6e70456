import numpy as np
import pytest

from training.reporting.calibration import NUM_BINS, Reliability


def test_the_error_is_the_one_worked_out_by_hand() -> None:
    # Bins of 1/15: 0.5 and 0.52 lie in the 8th (7/15 = 0.467 to 8/15 = 0.533), 0.9 in the 14th.
    predicted = np.array([0.5, 0.52, 0.9, 0.9])
    target = np.array([1.0, 0.0, 0.7, 0.5])
    table = Reliability.of(predicted, target)
    # (2 * |0.51 - 0.5| + 2 * |0.9 - 0.6|) / 4
    assert table.expected_calibration_error() == pytest.approx(0.155)
    rows = table.table()
    assert [row["pixels"] for row in rows] == [0] * 7 + [2] + [0] * 5 + [2, 0]
    assert rows[7]["mean_confidence"] == pytest.approx(0.51)
    assert rows[7]["mean_target"] == pytest.approx(0.5)
    assert rows[0]["mean_target"] is None


def test_a_bin_holds_its_upper_edge_and_the_first_one_zero() -> None:
    edges = np.arange(NUM_BINS + 1) / NUM_BINS
    table = Reliability.of(edges, edges)
    assert table.counts.tolist() == [2] + [1] * (NUM_BINS - 1)


def test_a_map_that_is_its_target_is_calibrated(rng: np.random.Generator) -> None:
    values = rng.random((20, 30))
    assert Reliability.of(values, values).expected_calibration_error() == pytest.approx(0)
    assert np.isnan(Reliability.empty().expected_calibration_error())


def test_tables_of_parts_add_up_to_that_of_the_whole(rng: np.random.Generator) -> None:
    predicted, target = rng.random(100), rng.random(100)
    parts = Reliability.of(predicted[:40], target[:40]) + Reliability.of(
        predicted[40:], target[40:]
    )
    whole = Reliability.of(predicted, target)
    assert parts.counts.tolist() == whole.counts.tolist()
    np.testing.assert_allclose(parts.predicted, whole.predicted)
    np.testing.assert_allclose(parts.target, whole.target)
