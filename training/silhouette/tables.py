"""A report as text: for the terminal, and as tables of Markdown for the card."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.reporting.tables import aligned, markdown, number
from training.silhouette.scores import CONSTANT, DRESSED, NETWORK

Row = Mapping[str, Any]

_COLUMNS = ("mean_error", "cloth_error", "band_error", "overlap")


def rendered_text(report: Row) -> str:
    """Network and baselines, over all pictures and bin by bin."""
    lines = [f"{report['rendered_pictures']} rendered pictures of held-out people"]
    lines += aligned(["", "error", "in cloth", "in band", "overlap"], _score_cells(report))
    lines.append(
        f"the network's overlap is {number(report['rendered'][NETWORK]['overlap'], 4)}, "
        f"its standard error over people {number(report['overlap_standard_error'], 4)}"
    )
    lines.append(
        f"error in cloth over the better baseline's {number(report['cloth_ratio'])}; expected "
        f"calibration error {number(report['calibration']['picture']['ece'])}, "
        f"in cloth {number(report['calibration']['cloth']['ece'])}"
    )
    head = ["pictures", "in cloth", "dressed", "constant", "ratio", "overlap"]
    for title, name in (("by looseness", "by_looseness"), ("by view", "by_view")):
        lines += aligned([title, *head], [_bin_cells(row) for row in report[name]])
    return "\n".join(lines) + "\n"


def photo_text(photos: Row) -> str:
    """Confidence by label."""
    return (
        f"{photos['photos']} held-out street photos\n"
        f"median confidence on skin        {number(photos['median_skin'])}\n"
        f"median confidence on background  {number(photos['median_background'])}\n"
        f"person against background, AUROC {number(photos['auroc'], 4)}\n"
        f"outer edge below middle in       {number(photos['garment_edge_lower'])} "
        f"of {photos['garment_photos']} photos with a skirt, dress or coat "
        f"({photos['garment_unclear']} more do not show both)\n"
    )


def rendered_markdown(report: Row) -> str:
    """Network and baselines."""
    head = "error, whole picture", "error, cloth pixels", "error, band", "overlap (IoU) above 0.5"
    return markdown(["", *head], _score_cells(report))


def bins_markdown(title: str, rows: Sequence[Row]) -> str:
    """Bins by looseness or view."""
    head = "pictures", "error, cloth pixels", "dressed silhouette", "constant", "ratio", "overlap"
    return markdown([title, *head], [_bin_cells(row) for row in rows])


def reliability_markdown(calibration: Row) -> str:
    """Bins of confidence, over the whole picture and in cloth."""
    pairs = zip(calibration["picture"]["bins"], calibration["cloth"]["bins"], strict=True)
    head = ["confidence", "pixels", "mean confidence", "mean target"]
    head += ["cloth pixels", "mean confidence", "mean target"]
    return markdown(head, [[_limits(one), *_filled(one), *_filled(other)] for one, other in pairs])


def photos_markdown(photos: Row) -> str:
    """Confidence by label."""
    garment = "share of photos with a skirt, dress or coat whose outer edge is less sure than its "
    unclear = f"such photos ({photos['garment_unclear']} more do not show both parts)"
    skin, background = "mean confidence on skin", "mean confidence on background"
    rows = [
        [f"median over photos of the {skin}", number(photos["median_skin"])],
        [f"median over photos of the {background}", number(photos["median_background"])],
        ["area under the ROC curve, person against background", number(photos["auroc"])],
        [f"{garment}middle", number(photos["garment_edge_lower"])],
        [unclear, str(photos["garment_photos"])],
        ["median of the mean confidence at that edge", number(photos["median_garment_edge"])],
        ["and in that middle", number(photos["median_garment_middle"])],
    ]
    return markdown(["", ""], rows)


def worst_markdown(photos: Sequence[Row]) -> str:
    """The worst photos."""
    rows = [[p["photo"], number(p["skin"]), number(p["background"])] for p in photos]
    return markdown(["photo", "confidence on skin", "on background"], rows)


def _score_cells(report: Row) -> list[list[str]]:
    return [
        [name, *(number(row[column]) for column in _COLUMNS)]
        for name, row in report["rendered"].items()
    ]


def _bin_cells(row: Row) -> list[str]:
    scores = row["scores"]
    errors = [number(scores[name]["cloth_error"]) for name in (NETWORK, DRESSED, CONSTANT)]
    ratio, overlap = number(row["cloth_ratio"]), number(scores[NETWORK]["overlap"])
    return [row["name"], str(row["pictures"]), *errors, ratio, overlap]


def _limits(row: Row) -> str:
    return f"{row['above']:.2f} to {row['up_to']:.2f}"


def _filled(row: Row) -> list[str]:
    return [f"{row['pixels']:,}", number(row["mean_confidence"]), number(row["mean_target"])]
