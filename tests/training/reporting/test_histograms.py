import numpy as np
import pytest

from training.reporting.histograms import (
    LEVELS,
    Histogram,
    absolute_error,
    area_under_curve,
    histogram,
    median,
    total,
)


def test_the_area_is_the_share_of_pairs_in_order(rng: np.random.Generator) -> None:
    positives, negatives = rng.integers(0, 30, 40) / 30, rng.integers(0, 25, 50) / 30
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    found = area_under_curve(histogram(positives), histogram(negatives))
    assert found == pytest.approx(np.mean(pairs))
    assert np.isnan(area_under_curve(histogram(positives), histogram(np.empty(0))))


def test_the_median_of_counts_is_the_best_constant(rng: np.random.Generator) -> None:
    values = np.round(rng.random(101), 3)
    counted = histogram(values)
    assert median(counted) == pytest.approx(np.median(values))
    assert absolute_error(counted, 0.25) == pytest.approx(np.abs(values - 0.25).sum())


def test_sparse_counts_are_the_dense_ones(rng: np.random.Generator) -> None:
    values = np.round(rng.random(200) ** 3, 2)
    parts = [Histogram.of(part) for part in (values[:70], values[70:])]
    assert total(parts).tolist() == histogram(values).tolist()
    assert total([]).tolist() == [0] * (LEVELS + 1)
