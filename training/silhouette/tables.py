"""A report as text: for the terminal, and as tables of Markdown for the card."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.reporting.tables import aligned, markdown, number, with_error
from training.silhouette.person_scores import WHOLE
from training.silhouette.scores import CONSTANT, DRESSED, NETWORK

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
