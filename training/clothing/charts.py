"""What is taken for what, as a figure."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from training.clothing.scores import Confusion

WRITTEN_OUT = 25
"""Up to so many labels each number is written into its square."""


def confusion_chart(confusion: Confusion, names: Sequence[str]) -> Figure:
    """Of each true label's pixels (row), the shares that are given each label (column).

    Labels that are neither in the truth nor in the prediction are left out; a row is empty where
    the label is only predicted.

    Args:
        confusion: Of all photos.
        names: Of the labels.
    """
    shown = np.flatnonzero((confusion.true_pixels + confusion.predicted_pixels) > 0)
    counts = confusion.counts[np.ix_(shown, shown)]
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    labels = [names[label] for label in shown.tolist()]
    side = 2.5 + 0.3 * len(labels)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="magma", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("share of each true label's pixels", fontsize=10)
    figure.colorbar(drawn, ax=axes, shrink=0.7)
    if len(labels) <= WRITTEN_OUT:
        for row, column in np.argwhere(shares >= 0.005).tolist():
            share = shares[row, column]
            colour = "black" if share > 0.6 else "white"
            words = f"{100 * share:.0f}"
            axes.text(column, row, words, ha="center", va="center", fontsize=6, color=colour)
    return figure
