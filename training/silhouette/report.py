"""A report as text: for the terminal, and as tables of Markdown for the card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointHeader
from model.silhouette.architectures import HOURGLASS
from training.reporting.calibration import NUM_BINS
from training.reporting.record import lineage_markdown
from training.reporting.tables import aligned, markdown, number, with_error
from training.silhouette.metrics import CONSTANT, DRESSED, LOOSENESS, NETWORK, VIEWS
from training.silhouette.photo_metrics import WHOLE

Row = Mapping[str, Any]

RENDERED = {
    "iou_body": "IoU, body",
    "iou_target": "IoU, target",
    "mae": "MAE",
    "mae_cloth": "MAE, cloth",
    "mae_band": "MAE, band",
}
PHOTOS = {
    "median_skin": "confidence on skin, median",
    "median_background": "confidence on background, median",
    "auroc": "AUROC, person against background",
    "garment_edge_lower": "skirts, dresses, coats less sure at the outer edge than in the middle",
}
PEOPLE = {
    "recall": "recall",
    "mass_on_person": "mass on the person",
    "iou": "IoU",
    "iou_below_half": "photos with IoU below 0.5",
}


def rendered_text(report: Row) -> str:
    """Network and baselines, over all pictures and bin by bin."""
    lines = [
        f"{report['rendered_pictures']} pictures of {report['rendered_people']} rendered people, "
        f"{report['split']} split"
    ]
    lines += aligned(["", *RENDERED.values()], _rendered_cells(report))
    ece = report["calibration"]
    lines.append(
        f"MAE in cloth over the better baseline's {number(report['cloth_ratio'])}; "
        f"ECE {number(ece['picture']['ece'])}, in cloth {number(ece['cloth']['ece'])}"
    )
    head = ["pictures", "MAE, cloth", "dressed", "constant", "ratio", "IoU, body"]
    for title, name in (("by looseness", "by_looseness"), ("by view", "by_view")):
        lines += aligned([title, *head], [_bin_cells(row) for row in report[name]])
    return "\n".join(lines) + "\n"


def photo_text(report: Row) -> str:
    """Confidence by label."""
    photos = report["photos"]
    lines = [f"{photos['photos']} street photos, {report['split']} split"]
    lines += [f"{words:<74}{value}" for words, value in _photo_cells(report)]
    return "\n".join(lines) + "\n"


def people_text(report: Row) -> str:
    """Of photos from elsewhere."""
    people = report["people"]
    lines = [f"{people['photos']} photos of people from elsewhere"]
    lines += aligned(["", *PEOPLE.values()], _people_cells(people))
    return "\n".join(lines) + "\n"


def rendered_markdown(report: Row) -> str:
    """Network and baselines."""
    return markdown(["", *RENDERED.values()], _rendered_cells(report))


def bins_markdown(title: str, rows: Sequence[Row]) -> str:
    """Bins by looseness or view."""
    head = "pictures", "MAE, cloth", "dressed silhouette", "constant", "ratio", "IoU, body"
    return markdown([title, *head], [_bin_cells(row) for row in rows])


def reliability_markdown(calibration: Row) -> str:
    """Bins of confidence, over the whole picture and in cloth."""
    pairs = zip(calibration["picture"]["bins"], calibration["cloth"]["bins"], strict=True)
    head = ["confidence", "pixels", "mean confidence", "mean target"]
    head += ["cloth pixels", "mean confidence", "mean target"]
    return markdown(head, [[_limits(one), *_filled(one), *_filled(other)] for one, other in pairs])


def photos_markdown(report: Row) -> str:
    """Confidence by label."""
    return markdown(["", ""], _photo_cells(report))


def people_markdown(people: Row) -> str:
    """Of photos from elsewhere."""
    return markdown(["", *PEOPLE.values()], _people_cells(people))


def worst_markdown(photos: Sequence[Row]) -> str:
    """The worst photos."""
    rows = [[p["photo"], number(p["skin"]), number(p["background"])] for p in photos]
    return markdown(["photo", "confidence on skin", "on background"], rows)


def _rendered_cells(report: Row) -> list[list[str]]:
    """A row for each, the network's with standard errors."""
    errors = {NETWORK: report["rendered_standard_errors"]}
    return [
        [name, *(with_error(row[key], errors.get(name, {}).get(key)) for key in RENDERED)]
        for name, row in report["rendered"].items()
    ]


def _photo_cells(report: Row) -> list[list[str]]:
    photos, errors = report["photos"], report["photo_standard_errors"]
    cells = [[words, with_error(photos[key], errors[key])] for key, words in PHOTOS.items()]
    unclear = photos["garment_unclear"]
    return [
        *cells,
        [f"such photos ({unclear} more do not show both parts)", str(photos["garment_photos"])],
        ["confidence at that edge, median", number(photos["median_garment_edge"])],
        ["confidence in that middle, median", number(photos["median_garment_middle"])],
    ]


def _people_cells(people: Row) -> list[list[str]]:
    errors = people["standard_errors"]
    return [
        [NETWORK, *(with_error(people[NETWORK][key], errors[key]) for key in PEOPLE)],
        [f"1 in the {WHOLE}", *(number(people[WHOLE][key]) for key in PEOPLE)],
    ]


def _bin_cells(row: Row) -> list[str]:
    scores = row["scores"]
    errors = [number(scores[name]["mae_cloth"]) for name in (NETWORK, DRESSED, CONSTANT)]
    ratio, iou = number(row["cloth_ratio"]), number(scores[NETWORK]["iou_body"])
    return [row["name"], str(row["pictures"]), *errors, ratio, iou]


def _limits(row: Row) -> str:
    return f"{row['above']:.2f} to {row['up_to']:.2f}"


def _filled(row: Row) -> list[str]:
    return [f"{row['pixels']:,}", number(row["mean_confidence"]), number(row["mean_target"])]


_CARD = Path(__file__).with_name("card.md")
"""The text of the card, with fields in braces."""
_PEOPLE = """
### Photos of people from elsewhere

{num_people} photos that are not street fashion, from none of the collections that were learned
from, with masks of the dressed persons. Recall: share of the person above 0.5. Mass on the person:
share of the map's sum. IoU: of the map above 0.5 with the person, clothes and hair included, so
that a map of the body does not reach 1.

{table}
"""
_QUARTER = "the map comes out at a quarter of that and is scaled back"
_FULL = "the map comes out at that size and is scaled back"


def silhouette_card(
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
        report: Of `evaluate silhouette` on rendered people and photos.
        measured_by: The command that measured it.
        note: A caution about the results, or nothing.
    """
    metrics = report
    calibration = metrics["calibration"]
    config = header.config["network"]
    refined = header.architecture != HOURGLASS or bool(config.get("refinement_width"))
    side = header.config["input_size"]
    return _CARD.read_text().format(
        spdx=header.licence.lower(),
        network=_network(header.architecture, config),
        input_size=side,
        resolution=_FULL if refined else _QUARTER,
        lineage=lineage_markdown(header.lineage),
        measured_by=measured_by,
        note=f"\n{note}\n" if note else "",
        num_rendered=metrics["rendered_pictures"],
        num_people=metrics["rendered_people"],
        rendered=rendered_markdown(metrics),
        cloth_ratio=number(metrics["cloth_ratio"]),
        looseness=_bounds(LOOSENESS, "under {:g}", "the rest"),
        by_looseness=bins_markdown("clothes", metrics["by_looseness"]),
        views=_bounds(VIEWS, "up to {:g} degrees", "the rest"),
        by_view=bins_markdown("view", metrics["by_view"]),
        num_bins=NUM_BINS,
        ece_picture=number(calibration["picture"]["ece"]),
        ece_cloth=number(calibration["cloth"]["ece"]),
        reliability=reliability_markdown(calibration),
        num_photos=metrics["photos"]["photos"],
        photos=photos_markdown(metrics),
        people=_people(metrics.get("people")),
        fineness=f"What is finer than a pixel of {side if refined else side // 4} is lost.",
        picture=worst_picture,
        worst=worst_markdown(metrics["worst_photos"]),
        licence=header.licence,
    )


def _people(people: Mapping[str, Any] | None) -> str:
    if people is None:
        return ""
    return _PEOPLE.format(num_people=people["photos"], table=people_markdown(people))


def _network(architecture: str, config: Mapping[str, Any]) -> str:
    if architecture != HOURGLASS:
        widths = ", ".join(map(str, config["decoder_widths"]))
        return f"a U-Net on EfficientNet-Lite{config['variant']} (decoder of {widths} channels)"
    words = "a stacked hourglass ({num_stacks} stacks of {num_features} channels)"
    if config.get("refinement_width"):
        words += " with a refinement of {refinement_width} channels"
    return words.format(**config)


def _bounds(bins: tuple[tuple[str, float], ...], words: str, last: str) -> str:
    named = [f"{name} {words.format(bound)}" for name, bound in bins[:-1]]
    return ", ".join([*named, f"{bins[-1][0]} {last}"])
