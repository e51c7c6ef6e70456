"""Values in [0, 1], counted to a thousandth: small, mergeable, and enough for medians and areas."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.reporting.partial_results import Integers

LEVELS = 1000
"""Steps between 0 and 1, so that no number of pictures fills the memory."""


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs; values that do not occur take no room."""

    levels: Integers
    """(n,) thousandths that occur, ascending."""
    counts: Integers
    """(n,) how often."""

    @classmethod
    def of(cls, values: np.ndarray) -> "Histogram":
        """Count values in [0, 1]."""
        counted = histogram(values)
        levels = np.flatnonzero(counted)
        return cls(levels, counted[levels])


def total(histograms: Iterable[Histogram]) -> np.ndarray:
    """(LEVELS + 1,) counts of every thousandth, over all of them."""
    counted = np.zeros(LEVELS + 1)
    for one in histograms:
        counted[one.levels] += one.counts
    return counted


def histogram(values: np.ndarray) -> np.ndarray:
    """Counts (LEVELS + 1,) of values in [0, 1], to the nearest thousandth."""
    rounded = np.rint(np.clip(values, 0, 1) * LEVELS).astype(np.int64)
    return np.bincount(rounded, minlength=LEVELS + 1)


def median(counted: np.ndarray) -> float:
    """The lower median of counted values: the constant with the least mean absolute error."""
    running = np.cumsum(counted)
    return float(np.searchsorted(running, running[-1] / 2) / LEVELS)


def absolute_error(counted: np.ndarray, constant: float) -> float:
    """Sum of the distances of counted values from a constant."""
    return float((np.abs(np.linspace(0, 1, LEVELS + 1) - constant) * counted).sum())


def area_under_curve(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive has the higher value than a negative; ties count half.

    Source: Mann, Whitney, Annals of Mathematical Statistics 18, 1947.

    Args:
        positives: Counts by value, ascending.
        negatives: Likewise.
    """
    if not positives.sum() or not negatives.sum():
        return float("nan")
    below = np.cumsum(negatives) - negatives
    wins = float((positives * (below + 0.5 * negatives)).sum())
    return wins / (float(positives.sum()) * float(negatives.sum()))
