"""Values in [0, 1], counted to a thousandth: small, mergeable, and enough for medians and areas."""

from dataclasses import dataclass

import numpy as np

LEVELS = 1000
"""Steps between 0 and 1, so that no number of pictures fills the memory."""


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs; values that do not occur take no room."""

    levels: np.ndarray
    """(n,) thousandths that occur, ascending."""
    counts: np.ndarray
    """(n,) how often."""

    @classmethod
    def of(cls, values: np.ndarray) -> "Histogram":
        """Count values in [0, 1]."""
        return cls.from_histogram(histogram(values))

    @classmethod
    def from_histogram(cls, counted: np.ndarray) -> "Histogram":
        """From counts of every thousandth."""
        levels = np.flatnonzero(counted)
        return cls(levels.astype(np.uint16), counted[levels].astype(np.int64))

    def histogram(self) -> np.ndarray:
        """(LEVELS + 1,) counts of every thousandth."""
        counted = np.zeros(LEVELS + 1)
        self.add_to(counted)
        return counted

    def add_to(self, total: np.ndarray) -> None:
        """Add to counts of every thousandth, in place."""
        total[self.levels] += self.counts

    def as_json(self) -> list[list[int]]:
        """Two lists; `from_json` reads them."""
        return [self.levels.tolist(), self.counts.tolist()]

    @classmethod
    def from_json(cls, content: list[list[int]]) -> "Histogram":
        """What `as_json` gave."""
        levels, counts = content
        return cls(np.array(levels, np.uint16), np.array(counts, np.int64))


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
