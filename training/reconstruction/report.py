"""Tables and charts of regressors, from the numbers of `people_report` and its neighbours."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from training.reconstruction.baselines import BASELINES
from training.reconstruction.people_report import ALONE, DRESSED, ERRORS, FUSED, KNOWN, REFINED
from training.reconstruction.photo_scores import photo_table
from training.reconstruction.view_scores import view_table
from training.reporting.evaluation import Found
from training.reporting.tables import Table, number, with_error

Report = Mapping[str, Any]
ROWS = (ALONE, REFINED, KNOWN, FUSED, DRESSED, *BASELINES)
"""Of the tables, in order; those that were measured are shown."""
SHOWN_MEASUREMENTS = ("height", "bust_girth", "waist_girth", "hip_girth", "inside_leg", "mass")
"""Measurements whose intervals have a row of their own."""
_BIN_ROWS = (ALONE, DRESSED, "mean body")


def tables(report: Report) -> dict[str, Table]:
    """Of the sets that were measured."""
    found: dict[str, Table] = {}
    if "people" in report:
        found["people"] = people_table(report)
        found["by_looseness"] = bin_table(report, "by_looseness", "looseness")
        found["by_build"] = bin_table(report, "by_build", "body mass index")
        if report["intervals"]:
            found["intervals"] = interval_table(report)
    if "photos" in report:
        found["photos"] = photo_table(dict(report))
    if "views" in report:
        found["views"] = view_table(dict(report))
    return found


def people_table(report: Report) -> Table:
    """Errors of everything over all people."""
    rows = [
        [_label(name, report), *_cells(report["people"][name])]
        for name in ROWS
        if name in report["people"]
    ]
    seeds = ", ".join(map(str, report["people_seeds"])) or "unknown"
    title = (
        f"{report['people_pictures']} pictures of {report['people_persons']} rendered people (seed "
        f"{seeds}), errors in mm; in {report['people_missed']} more the silhouette network missed "
        "the person"
    )
    return Table(title, ["", *ERRORS.values()], rows)


def bin_table(report: Report, name: str, words: str) -> Table:
    """Errors in each bin."""
    rows = [
        [bin_name, str(one["pictures"]), who, *_cells(one["scores"][who])]
        for bin_name, one in report[name].items()
        for who in _BIN_ROWS
        if who in one["scores"]
    ]
    return Table(f"Bins by {words}, errors in mm", [words, "pictures", "", *ERRORS.values()], rows)


def interval_table(report: Report) -> Table:
    """Coverage of intervals by what is known and by looseness, and their widths."""
    heads = ["all", *(f"{name} (width)" for name in SHOWN_MEASUREMENTS)]
    rows = []
    for way, groups in report["intervals"].items():
        for group, one in groups.items():
            cells = [
                f"{number(one['each'][name]['coverage'], 2)} ({number(one['each'][name]['width'])})"
                for name in SHOWN_MEASUREMENTS
            ]
            rows.append([way, group, str(one["pictures"]), number(one["coverage"]), *cells])
    title = "Coverage of the 90 % intervals, in brackets their mean width in metres or kilograms"
    return Table(title, ["", "looseness", "pictures", *heads], rows)


def charts(report: Report, found: Found) -> dict[str, Figure]:  # noqa: ARG001
    """Of rendered people."""
    if "people" not in report:
        return {}
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, error in zip(figure.subplots(1, 2), ("pve_t_sc", "waist"), strict=True):
        bars = {
            who: {
                name: one["scores"][who]["mean"][error]
                for name, one in report["by_looseness"].items()
                if who in one["scores"]
            }
            for who in _BIN_ROWS
        }
        filled = {who: values for who, values in bars.items() if values}
        pd.DataFrame(filled, dtype=float).plot.bar(ax=axes, rot=0)
        axes.set_xlabel("looseness")
        axes.set_ylabel(f"{ERRORS[error]}, mm")
    return {"errors_by_looseness": figure}


def _label(name: str, report: Report) -> str:
    if name == FUSED:
        return f"{report['photos_fused']:g} {FUSED}"
    return {ALONE: "network, one photo", DRESSED: f"network on the {DRESSED}"}.get(name, name)


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [with_error(row["mean"][e], row["standard_error"][e], 1) for e in ERRORS]
