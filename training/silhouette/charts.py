"""A report as charts: reliability, and errors in cloth by looseness and view."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.reporting.calibration import NUM_BINS
from training.silhouette.scores import CONSTANT, DRESSED, NETWORK

Report = Mapping[str, Any]

_COLOURS = {NETWORK: "#b63679", DRESSED: "#9aa0a6", CONSTANT: "#5f6368"}


def reliability_chart(calibration: Report) -> Figure:
    """Mean target over confidence, above how many pixels each bin holds; whole picture and cloth.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, figure 1.
    """
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, height_ratios=[3, 1])
    for column, (region, title) in enumerate((("picture", "whole picture"), ("cloth", "cloth"))):
        table = calibration[region]
        upper, lower = panels[0, column], panels[1, column]
        lefts = [row["above"] for row in table["bins"]]
        heights = [row["mean_target"] or 0.0 for row in table["bins"]]
        place: dict[str, Any] = {"width": 1 / NUM_BINS, "align": "edge", "edgecolor": "white"}
        upper.bar(lefts, heights, color=_COLOURS[NETWORK], **place)
        upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
        ece = table["ece"]
        upper.set_title(title if ece is None else f"{title}, expected calibration error {ece:.3f}")
        upper.set_ylabel("mean target")
        upper.set_ylim(0, 1)
        lower.bar(lefts, [row["pixels"] for row in table["bins"]], color=_COLOURS[DRESSED], **place)
        lower.set_yscale("symlog")
        lower.set_ylabel("pixels")
        lower.set_xlabel("predicted confidence")
    return figure


def breakdown_chart(report: Report) -> Figure:
    """Error in cloth of the network and the baselines, a group of bars for each bin."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for panel, (name, title) in zip(
        axes, (("by_looseness", "clothes"), ("by_view", "view")), strict=True
    ):
        rows = report[name]
        places = np.arange(len(rows))
        for shift, (who, colour) in zip((-0.27, 0, 0.27), _COLOURS.items(), strict=True):
            errors = [row["scores"][who]["mae_cloth"] for row in rows]
            panel.bar(places + shift, errors, 0.25, label=who, color=colour)
        panel.set_xticks(places, [f"{row['name']}\n{row['pictures']} pictures" for row in rows])
        panel.set_title(title)
    axes[0].set_ylabel("mean absolute error in cloth")
    axes[0].legend(fontsize=8)
    return figure
