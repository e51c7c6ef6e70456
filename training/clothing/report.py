"""What is reported of clothing networks: numbers over all photos, tables, charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from model.clothing.labels import SCHEMES
from training.clothing.data import groups_in
from training.clothing.metrics import (
    ALL_NULL,
    FREQUENT,
    NETWORK,
    Confusion,
    label_rows,
    standard_errors,
    summarise,
    total,
)
from training.reporting.evaluation import Found
from training.reporting.scoring import Scored
from training.reporting.tables import Table, number, with_error

Report = Mapping[str, Any]
METRICS = {
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "foreground accuracy",
    "mean_iou": "mean IoU",
    "mean_iou_worn": "mean IoU without null",
    "frequent_mean_iou": "mean IoU of frequent labels",
    "frequency_weighted_iou": "weighted IoU",
    "label_precision": "label precision",
    "label_recall": "label recall",
    "label_f1": "label F1",
}
WRITTEN_OUT = 25
"""Labels up to which each number of a confusion matrix is written into its square."""


def clothing_report(scored: Sequence[Scored], learned: np.ndarray) -> dict[str, Any]:
    """Numbers beside the baseline's, fine and grouped, and of every label.

    Standard errors are those of the network's numbers, over photos.

    Args:
        scored: Photos.
        learned: (N, 59) pixels of each fine label in each photo that is learned from.
    """
    report: dict[str, Any] = {"photos": len(scored), "training_photos": len(learned)}
    for name, there in (("fine", learned > 0), ("grouped", groups_in(learned))):
        found = [getattr(one.score, name) for one in scored]
        training_photos = there.sum(0)
        report[name] = {
            NETWORK: summarise(found, training_photos),
            ALL_NULL: summarise([photo.all_null() for photo in found], training_photos),
            "standard_errors": standard_errors(found, training_photos),
        }
        report[f"{name}_labels"] = label_rows(found, SCHEMES[name].labels, training_photos)
    return report


def quality(report: Report) -> dict[str, float | None]:
    """The numbers by which two formats of a network are compared."""
    return {
        f"{words}, {name} labels": report[name][NETWORK][key]
        for name in ("fine", "grouped")
        for key, words in list(METRICS.items())[:3]
    }


def tables(report: Report) -> dict[str, Table]:
    """Numbers by the two schemes, and of every label."""
    found = {}
    for name, title in (("grouped", "Groups"), ("fine", "Fine labels")):
        network, baseline, errors = (
            report[name][who] for who in (NETWORK, ALL_NULL, "standard_errors")
        )
        rows = [
            [words, with_error(network[key], errors[key]), number(baseline[key])]
            for key, words in METRICS.items()
        ]
        title += (
            f": {report['photos']} photos, {report['split']} split, with {network['num_labels']} "
            f"labels, {network['num_frequent']} of them in {FREQUENT} or more photos learned from"
        )
        found[name] = Table(title, ["", NETWORK, ALL_NULL], rows)
    missed = missed_groups(report) or "none"
    title = f"Groups in {FREQUENT} or more photos learned from that have an IoU of zero: {missed}"
    found["groups"] = _label_table(title, report["grouped_labels"])
    found["labels"] = _label_table("Every label", report["fine_labels"])._replace(on_terminal=False)
    return found


def _label_table(title: str, labels: Sequence[Report]) -> Table:
    """Every label that is in the measured photos or in those learned from."""
    head = ["label", "IoU", "recall", "precision", "share of pixels", "photos learned from"]
    rows = [
        [
            row["label"],
            *(number(row[key]) for key in ("iou", "recall", "precision")),
            f"{100 * row['area']:.2f} %",
            *(str(row[key]) for key in ("training_photos", "photos", "photos_found")),
        ]
        for row in labels
        if row["photos"] or row["training_photos"]
    ]
    return Table(title, [*head, "photos measured", "found in"], rows)


def missed_groups(report: Report) -> str:
    """Names of frequent groups that are in the measured photos and have an IoU of zero."""
    return ", ".join(
        row["label"]
        for row in report["grouped_labels"]
        if row["training_photos"] >= FREQUENT and row["iou"] == 0
    )


def charts(report: Report, found: Found) -> dict[str, Figure]:  # noqa: ARG001
    """Confusion matrices."""
    scored = found["photos"].scored
    return {
        f"confusion_{name}": confusion_chart(
            total([getattr(one.score, name) for one in scored]), scheme.labels
        )
        for name, scheme in SCHEMES.items()
    }


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
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title("share of each true label's pixels", fontsize=10)
    figure.colorbar(drawn, ax=axes, shrink=0.7)
    if len(labels) <= WRITTEN_OUT:
        for row, column in np.argwhere(shares >= 0.005).tolist():
            share = shares[row, column]
            colour = "black" if share > 0.6 else "white"
            words = f"{100 * share:.0f}"
            axes.text(column, row, words, ha="center", va="center", fontsize=6, color=colour)
    return figure
