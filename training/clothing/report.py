"""Counts of all photos, brought together: the report, the tables, the worst photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointHeader
from model.clothing.labels import GROUPED, LABELS, SCHEMES
from training.clothing.metrics import (
    FREQUENT,
    Confusion,
    TrainingPhotos,
    label_rows,
    standard_errors,
    summarise,
)
from training.reporting.record import lineage_markdown
from training.reporting.scoring import Scored
from training.reporting.tables import aligned, csv_text, markdown, number, with_error

NETWORK, ALL_NULL = "network", "all null"
NUM_WORST = 10
Report = Mapping[str, Any]

_COLUMNS = {
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "foreground accuracy",
    "mean_iou": "mean IoU",
    "mean_iou_worn": "without null",
    "frequent_mean_iou": "frequent labels",
    "frequency_weighted_iou": "weighted IoU",
    "label_precision": "label precision",
    "label_recall": "label recall",
    "label_f1": "label F1",
}


def confusions(photos: Sequence[Scored], scheme: str) -> list[Confusion]:
    """Of each photo, by the scheme of that name."""
    return [one.score.fine if scheme == "fine" else one.score.grouped for one in photos]


def clothing_report(photos: Sequence[Scored], training: TrainingPhotos) -> dict[str, Any]:
    """Numbers beside the baseline's, fine and grouped; every label; the worst photos.

    Standard errors are those of the network's numbers, over photos.
    """
    report: dict[str, Any] = {"photos": len(photos), "training_photos": training.num_photos}
    for name, scheme in SCHEMES.items():
        found = confusions(photos, name)
        counts = training.fine if name == "fine" else training.grouped
        baseline = [photo.all_null() for photo in found]
        report[name] = {
            NETWORK: summarise(found, counts),
            ALL_NULL: summarise(baseline, counts),
            "standard_errors": standard_errors(found, counts),
        }
        report[f"{name}_labels"] = label_rows(found, scheme.labels, counts)
    rows = [_photo_row(photo) for photo in photos]
    report["worst_photos"] = [rows[place] for place in worst_photos(photos)]
    return report


def headline(report: Report) -> dict[str, Any]:
    """The report without the fine labels' rows: what a checkpoint's header says of itself."""
    return {key: value for key, value in report.items() if key != "fine_labels"}


def worst_photos(photos: Sequence[Scored]) -> list[int]:
    """Places of the photos with the lowest mean IoU over the groups in them, the worst first."""
    overlaps = [one.score.grouped.mean_iou() for one in photos]
    return sorted(range(len(photos)), key=lambda place: overlaps[place])[:NUM_WORST]


def photo_csv(photos: Sequence[Scored]) -> str:
    """A row for each photo."""
    return csv_text([_photo_row(photo) for photo in photos])


def _photo_row(one: Scored) -> dict[str, Any]:
    fine, grouped = one.score.fine, one.score.grouped
    return {
        "photo": one.key,
        "pixel_accuracy": fine.pixel_accuracy(),
        "foreground_accuracy": fine.foreground_accuracy(),
        "fine_mean_iou": fine.mean_iou(),
        "fine_label_f1": fine.labels_found().f1,
        "grouped_pixel_accuracy": grouped.pixel_accuracy(),
        "grouped_foreground_accuracy": grouped.foreground_accuracy(),
        "grouped_mean_iou": grouped.mean_iou(),
        "grouped_label_f1": grouped.labels_found().f1,
    }


def report_text(report: Report) -> str:
    """For the terminal."""
    lines = [f"{report['photos']} photos, {report['split']} split"]
    for name in SCHEMES:
        network, baseline, errors = (
            report[name][who] for who in (NETWORK, ALL_NULL, "standard_errors")
        )
        rows = [
            [words, with_error(network[key], errors[key]), number(baseline[key])]
            for key, words in _COLUMNS.items()
        ]
        lines += aligned([name, NETWORK, ALL_NULL], rows)
    head = ["group", "IoU", "photos", "to learn"]
    lines += aligned(
        head,
        [
            [row["label"], number(row["iou"]), str(row["photos"]), str(row["training_photos"])]
            for row in report["grouped_labels"]
        ],
    )
    if missed := missed_groups(report):
        lines.append(f"IoU of zero in spite of {FREQUENT} photos to learn from: {missed}")
    return "\n".join(lines) + "\n" + cost_text(report["cost"]) + "\n"


def cost_text(cost: Report) -> str:
    """Size in a few words."""
    return (
        f"{cost['parameters'] / 1e6:.2f} million parameters, {cost['giga_macs']:.2f} GMAC at "
        f"{cost['input_size']} px"
    )


def missed_groups(report: Report) -> str:
    """Names of frequent groups that are in the measured photos and have an IoU of zero."""
    return ", ".join(
        row["label"]
        for row in report["grouped_labels"]
        if row["training_photos"] >= FREQUENT and row["iou"] == 0
    )


def summary_markdown(summaries: Report) -> str:
    """Network, with standard errors, and baseline."""
    errors = {NETWORK: summaries["standard_errors"]}
    rows = [
        [
            name,
            *(with_error(summaries[name][key], errors.get(name, {}).get(key)) for key in _COLUMNS),
        ]
        for name in (NETWORK, ALL_NULL)
    ]
    return markdown(["", *_COLUMNS.values()], rows)


def labels_markdown(rows: Sequence[Report], title: str) -> str:
    """Every label that is in the measured photos or in those to learn from."""
    head = [title, "IoU", "recall", "precision", "share of pixels", "photos to learn from"]
    return markdown(
        [*head, "photos measured", "found in"],
        [
            [
                row["label"],
                *(number(row[key]) for key in ("iou", "recall", "precision")),
                f"{100 * row['area']:.2f} %",
                *(str(row[key]) for key in ("training_photos", "photos", "photos_found")),
            ]
            for row in rows
            if row["photos"] or row["training_photos"]
        ],
    )


def worst_markdown(rows: Sequence[Report]) -> str:
    """The worst photos."""
    keys = {
        "grouped_mean_iou": "mean IoU of its groups",
        "grouped_pixel_accuracy": "pixel accuracy, grouped",
        "grouped_label_f1": "label F1, grouped",
    }
    return markdown(
        ["photo", *keys.values()],
        [[row["photo"], *(number(row[key]) for key in keys)] for row in rows],
    )


_CARD = Path(__file__).with_name("card.md")
"""The text of the card, with fields in braces."""


def clothing_card(
    header: CheckpointHeader,
    worst_picture: str,
    *,
    report: Mapping[str, Any],
    measured_by: str,
    note: str,
) -> str:
    """The card as Markdown.

    Args:
        header: Of the checkpoint.
        worst_picture: Name of the contact sheet beside the card.
        report: Of `evaluate clothing`.
        measured_by: The command that measured it.
        note: A caution about the results, or nothing.
    """
    fine, grouped = report["fine"], report["grouped"]
    missed = missed_groups(report)
    return _CARD.read_text().format(
        spdx=header.licence.lower(),
        network=_network(header.config["network"]),
        num_fine=len(LABELS),
        num_groups=len(GROUPED),
        input_size=header.config["input_size"],
        cost=cost_text(report["cost"]),
        lineage=lineage_markdown(header.lineage),
        measured_by=measured_by,
        note=f"\n{note}\n" if note else "",
        num_photos=report["photos"],
        num_training=report["training_photos"],
        frequent=FREQUENT,
        fine_labels=fine["network"]["num_labels"],
        fine_frequent=fine["network"]["num_frequent"],
        grouped_labels=grouped["network"]["num_labels"],
        grouped_frequent=grouped["network"]["num_frequent"],
        grouped=summary_markdown(grouped),
        missed=_NONE_MISSED if not missed else _MISSED.format(frequent=FREQUENT, names=missed),
        groups=labels_markdown(report["grouped_labels"], "group"),
        fine=summary_markdown(fine),
        labels=labels_markdown(report["fine_labels"], "label"),
        picture=worst_picture,
        worst=worst_markdown(report["worst_photos"]),
        licence=header.licence,
    )


_NONE_MISSED = f"No group that is in {FREQUENT} or more photos to learn from has an IoU of zero."
_MISSED = (
    "Groups that are in {frequent} or more photos to learn from and have an IoU of zero: {names}."
)


def _network(config: Mapping[str, Any]) -> str:
    if config["network"] == "efficientnet_lite_unet":
        return f"a U-Net with an EfficientNet-Lite{config['lite_variant']} encoder"
    if config["network"] == "unet":
        return f"a U-Net of {', '.join(map(str, config['widths']))} channels"
    return f"torchvision's {config['network']}"
