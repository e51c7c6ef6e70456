"""What is reported of confidence maps: numbers over all samples, tables, charts, the card."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.reporting.calibration import Reliability, reliability_chart, reliability_table
from training.reporting.evaluation import Found
from training.reporting.scoring import Scored
from training.reporting.standard_error import bootstrap_standard_errors, clustered_standard_error
from training.reporting.tables import Table, number, with_error
from training.silhouette.metrics import (
    CONSTANT,
    DRESSED,
    NETWORK,
    WHOLE,
    MaskScore,
    RenderedScore,
    cloth_ratio,
    summarise_rendered,
)
from training.silhouette.photo_report import PHOTOS, photo_table

LOOSENESS = {"tight": 0.15, "close": 0.25, "loose": 0.45, "wide": float("inf")}
"""Upper bounds, not included. Fixed, so that data sets can be compared; close to the quartiles of
`data synth`."""
VIEWS = {"front": 30.0, "three-quarter": 60.0, "side": 120.0, "back": 180.0}
"""Upper bounds of the azimuth in degrees, included."""
BUILDS = {"up to 32": 32.0, "above 32": float("inf")}
"""Upper bounds of the body mass index in kg/m^2, included."""
Report = Mapping[str, Any]
RENDERED = {
    "iou_body": "IoU, body",
    "iou_target": "IoU, target",
    "mae": "MAE",
    "mae_cloth": "MAE, cloth",
    "mae_band": "MAE, band",
}
MASKS = {
    "recall": "recall",
    "mass_on_person": "mass on the person",
    "iou": "IoU",
    "iou_below_half": "photos with IoU below 0.5",
}
"""Words for the numbers of each kind of sample; those of photos are in `photo_report`."""


def rendered_report(scored: Sequence[Scored]) -> dict[str, Any]:
    """Numbers of rendered people: over all, by looseness, view and build; calibration."""
    scores = [one.score for one in scored]
    people = [one.key.rpartition("/")[0] for one in scored]
    summary = summarise_rendered(scores)
    regions = {"picture": "reliability", "cloth": "cloth_reliability"}
    calibration = {
        region: sum((getattr(score, name) for score in scores), Reliability.empty())
        for region, name in regions.items()
    }
    return {
        "rendered": summary,
        "rendered_pictures": len(scores),
        "rendered_people": len(set(people)),
        "rendered_standard_errors": rendered_standard_errors(scores, people),
        "cloth_ratio": cloth_ratio(summary),
        "by_looseness": _by_bin(scores, [s.looseness for s in scores], LOOSENESS, "right"),
        "by_view": _by_bin(scores, [s.azimuth_deg for s in scores], VIEWS, "left"),
        "by_build": _by_bin(scores, [s.bmi for s in scores], BUILDS, "left"),
        "calibration": {
            region: {"ece": table.expected_calibration_error(), "bins": table.table()}
            for region, table in calibration.items()
        },
    }


def _by_bin(
    scores: Sequence[RenderedScore],
    values: Sequence[float | None],
    bounds: Mapping[str, float],
    side: Literal["left", "right"],
) -> list[dict[str, Any]]:
    """A row for each bin with pictures; each has its own best constant as baseline."""
    rows = []
    places = np.searchsorted([*bounds.values()], np.array(values, np.float64), side)
    for place, name in enumerate(bounds):
        if chosen := [score for score, found in zip(scores, places, strict=True) if found == place]:
            summary = summarise_rendered(chosen)
            row = {"name": name, "pictures": len(chosen), "scores": summary}
            rows.append(row | {"cloth_ratio": cloth_ratio(summary)})
    return rows


def rendered_standard_errors(
    scores: Sequence[RenderedScore], people: Sequence[str]
) -> dict[str, float]:
    """Of the network's numbers in `summarise_rendered`, over people: whose pictures they are."""
    pixels = np.array([score.pixels for score in scores])
    errors = np.nan_to_num([score.mae for score in scores]) * pixels
    maes = bootstrap_standard_errors(
        lambda times: ((times @ errors) / np.maximum(1, times @ pixels)).tolist(), people
    )
    return {
        **dict(zip(("mae", "mae_cloth", "mae_band"), maes, strict=True)),
        "iou_body": clustered_standard_error([s.iou_body.network for s in scores], people),
        "iou_target": clustered_standard_error([s.iou_target.network for s in scores], people),
    }


def mask_report(scored: Sequence[Scored]) -> dict[str, Any]:
    """Means over photos with standard errors, beside the baseline's means.

    `iou_below_half` is the share of photos with an IoU below 0.5.
    """
    scores: list[MaskScore] = [one.score for one in scored]
    recall, mass, overlap, share = np.array(scores, np.float64).T
    names = ("recall", "mass_on_person", "iou", "iou_below_half")
    found = dict(zip(names, (recall, mass, overlap, overlap < 0.5), strict=True))
    everywhere = dict(zip(names, (share**0, share, share, share < 0.5), strict=True))
    people: dict[str, Any] = {
        "photos": len(scores),
        NETWORK: {name: float(np.mean(values)) for name, values in found.items()},
        WHOLE: {name: float(np.mean(values)) for name, values in everywhere.items()},
        "standard_errors": {
            name: clustered_standard_error(values.tolist(), range(len(values)))
            for name, values in found.items()
        },
    }
    return {"people": people}


def tables(report: Report) -> dict[str, Table]:
    """Of the sets that were measured."""
    found: dict[str, Table] = {}
    if "rendered" in report:
        found |= _rendered_tables(report)
    if "photos" in report:
        found["photos"] = photo_table(report)
    if "people" in report:
        people, errors = report["people"], report["people"]["standard_errors"]
        cells = [
            [NETWORK, *(with_error(people[NETWORK][key], errors[key]) for key in MASKS)],
            [f"1 in the {WHOLE}", *(number(people[WHOLE][key]) for key in MASKS)],
        ]
        title = f"{people['photos']} photos with masks of the person"
        found["people"] = Table(title, ["", *MASKS.values()], cells)
    return found


def quality(report: Report) -> dict[str, float | None]:
    """The numbers by which two formats of a network are compared."""
    found = report["rendered"][NETWORK] | report["photos"]
    names = ("iou_body", "mae_cloth", "median_skin", "median_background", "auroc")
    return {(RENDERED | PHOTOS)[name]: found[name] for name in names}


def _rendered_tables(report: Report) -> dict[str, Table]:
    errors = {NETWORK: report["rendered_standard_errors"]}
    cells = [
        [who, *(with_error(row[key], errors.get(who, {}).get(key)) for key in RENDERED)]
        for who, row in report["rendered"].items()
    ]
    title = (
        f"{report['rendered_pictures']} pictures of {report['rendered_people']} rendered people, "
        f"{report['split']} split; MAE in cloth over the better baseline's: "
        f"{number(report['cloth_ratio'])}"
    )
    found = {"rendered": Table(title, ["", *RENDERED.values()], cells)}
    head = ["pictures", "MAE, cloth", DRESSED, "constant", "ratio", "IoU, body", "IoU, target"]
    bins = {"by_looseness": "looseness", "by_view": "view", "by_build": "body mass index"}
    for name, words in bins.items():
        rows = []
        for row in report[name]:
            maes = [number(row["scores"][who]["mae_cloth"]) for who in (NETWORK, DRESSED, CONSTANT)]
            ious = [number(row["scores"][NETWORK][name]) for name in ("iou_body", "iou_target")]
            ratio = number(row["cloth_ratio"])
            rows.append([row["name"], str(row["pictures"]), *maes, ratio, *ious])
        found[name] = Table(f"Bins by {words}", [words, *head], rows)
    found["reliability"] = reliability_table(report["calibration"])
    return found


def charts(report: Report, found: Found) -> dict[str, Figure]:  # noqa: ARG001
    """Of rendered people."""
    if "rendered" not in report:
        return {}
    return {
        "reliability": reliability_chart(report["calibration"]),
        "errors_in_cloth": errors_in_cloth_chart(report),
    }


def errors_in_cloth_chart(report: Report) -> Figure:
    """MAE in cloth of the network and the baselines, a group of bars for each bin."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("by_looseness", "by_view"), strict=True):
        errors = {
            who: {row["name"]: row["scores"][who]["mae_cloth"] for row in report[name]}
            for who in (NETWORK, DRESSED, CONSTANT)
        }
        pd.DataFrame(errors, dtype=float).plot.bar(ax=axes, title=name.replace("_", " "), rot=0)
        axes.set_ylabel("MAE in cloth")
    return figure
