"""Whether a confidence of p means p: reliability table and expected calibration error.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2 (15 bins of equal
width). There a prediction has a hard label, and a bin's accuracy is the share of right ones. Here
the label of a pixel is the target map's value, which is soft in cloth: a bin's "accuracy" is the
mean target of its pixels, and a map is calibrated when the pixels that it gives p have, on average,
a target of p. On pixels with a target of 0 or 1 both definitions are the same.

H W a picture's size, M bins.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.reporting.partial_results import Floats, Integers
from training.reporting.tables import Table, number

NUM_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Pixels by predicted confidence. Tables of several pictures may be added up."""

    counts: Integers
    """(M,) pixels whose prediction falls into each bin."""
    predicted: Floats
    """(M,) sum of their predictions."""
    target: Floats
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


def reliability_table(tables: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each bin of confidence, columns for each table.

    Args:
        tables: `ece` and `bins` by title.
    """
    heads = ("pixels", "mean confidence", "mean target")
    errors = ", ".join(f"{title} {number(table['ece'])}" for title, table in tables.items())
    rows = []
    for bins in zip(*(table["bins"] for table in tables.values()), strict=True):
        cells = [
            (f"{one['pixels']:,}", number(one["mean_confidence"]), number(one["mean_target"]))
            for one in bins
        ]
        limits = f"{bins[0]['above']:.2f} to {bins[0]['up_to']:.2f}"
        rows.append([limits, *itertools.chain(*cells)])
    head = [f"{title}, {words}" for title in tables for words in heads]
    return Table(f"Expected calibration error: {errors}", ["confidence", *head], rows)


def reliability_chart(tables: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Mean target over confidence, above how many pixels each bin holds; a column for each table.

    Source: Guo et al., figure 1.

    Args:
        tables: `ece` and `bins` by title.
    """
    figure = Figure(figsize=(4.5 * len(tables), 5.5), layout="constrained")
    panels = figure.subplots(2, len(tables), sharex=True, squeeze=False, height_ratios=[3, 1])
    for (title, table), upper, lower in zip(tables.items(), *panels, strict=True):
        lefts = [row["above"] for row in table["bins"]]
        heights = [row["mean_target"] or 0.0 for row in table["bins"]]
        place: dict[str, Any] = {"width": 1 / NUM_BINS, "align": "edge", "edgecolor": "white"}
        upper.bar(lefts, heights, color="#b63679", **place)
        upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
        upper.set(title=f"{title}, ECE {number(table['ece'])}", ylabel="mean target", ylim=(0, 1))
        lower.bar(lefts, [row["pixels"] for row in table["bins"]], color="#9aa0a6", **place)
        lower.set(yscale="symlog", ylabel="pixels", xlabel="predicted confidence")
    return figure
