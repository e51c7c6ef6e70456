"""Whether a confidence of p means p: reliability table and expected calibration error.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2 (15 bins of equal
width). There a prediction has a hard label, and a bin's accuracy is the share of right ones. Here
the label of a pixel is the target map's value, which is soft in cloth: a bin's "accuracy" is the
mean target of its pixels, and a map is calibrated when the pixels that it gives p have, on average,
a target of p. On pixels with a target of 0 or 1 both definitions are the same.

H W a picture's size, M bins.
"""

from dataclasses import dataclass

import numpy as np

NUM_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Pixels by predicted confidence. Tables of several pictures may be added up."""

    counts: np.ndarray
    """(M,) pixels whose prediction falls into each bin."""
    predicted: np.ndarray
    """(M,) sum of their predictions."""
    target: np.ndarray
    """(M,) sum of their targets."""

    @classmethod
    def of(cls, predicted: np.ndarray, target: np.ndarray) -> "Reliability":
        """Sort pixels into bins ((m - 1) / M, m / M]; 0 belongs to the first.

        Args:
            predicted: In [0, 1], any shape.
            target: Likewise, of the same shape.
        """
        values = predicted.ravel().astype(np.float64)
        bins = np.clip(np.ceil(values * NUM_BINS) - 1, 0, NUM_BINS - 1).astype(np.int64)
        return cls(
            np.bincount(bins, minlength=NUM_BINS),
            np.bincount(bins, values, NUM_BINS),
            np.bincount(bins, target.ravel(), NUM_BINS),
        )

    @classmethod
    def empty(cls) -> "Reliability":
        """Of no pixel."""
        return cls.of(np.empty(0), np.empty(0))

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            self.counts + other.counts,
            self.predicted + other.predicted,
            self.target + other.target,
        )

    def expected_calibration_error(self) -> float:
        """Mean over pixels of their bin's distance between mean prediction and mean target."""
        pixels = self.counts.sum()
        if not pixels:
            return float("nan")
        return float(np.abs(self.target - self.predicted).sum() / pixels)

    def table(self) -> list[dict[str, float | None]]:
        """A row for each bin; the means of an empty one are None."""
        edges = np.linspace(0, 1, NUM_BINS + 1)
        return [
            {
                "above": float(edges[index]),
                "up_to": float(edges[index + 1]),
                "pixels": int(count),
                "mean_confidence": float(self.predicted[index] / count) if count else None,
                "mean_target": float(self.target[index] / count) if count else None,
            }
            for index, count in enumerate(self.counts)
        ]

    def as_json(self) -> list[list[float]]:
        """Three lists; `from_json` reads them."""
        return [self.counts.tolist(), self.predicted.tolist(), self.target.tolist()]

    @classmethod
    def from_json(cls, content: list[list[float]]) -> "Reliability":
        """What `as_json` gave."""
        counts, predicted, target = content
        return cls(np.array(counts, np.int64), np.array(predicted), np.array(target))
