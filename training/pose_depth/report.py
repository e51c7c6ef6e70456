"""Numbers, tables and charts of what refiners make of held-out sequences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.pose_depth.scoring import (
    BEFORE,
    NETWORK,
    SEQUENCE,
    SINGLE,
    ScoredSequence,
    clusters,
    joined,
    view_errors,
)
from training.reporting.calibration import Reliability
from training.reporting.standard_error import clustered_standard_error
from training.reporting.tables import Table, number, with_error

SCORES = {
    "depth": ("depth error, m", 3),
    "mpjpe": ("MPJPE, m", 3),
    "pa_mpjpe": ("PA-MPJPE, m", 3),
    "sign": ("sign of depth", 3),
    "limb_angle_deg": ("limb angle, degrees", 1),
    "bone_variation": ("bone-length variation", 3),
    "asymmetry": ("left/right asymmetry", 3),
    "jitter": ("jitter, m/s^2", 2),
}
"""Name, head of its column, digits."""
NUM_AZIMUTHS = 8
SETS = {"rendered": "rendered people", "real": "a real person before four cameras"}
Report = dict[str, Any]


def set_report(scored: Sequence[ScoredSequence]) -> Report:
    """Means over frames with standard errors over sequences, by azimuth, of the view; calibration.

    A sequence's score counts for each of its frames.
    """
    names = clusters(scored)
    by_maker = {who: joined(scored, who) for who in (BEFORE, SINGLE, SEQUENCE)}
    reliability = sum((one.reliability for one in scored), Reliability.empty())
    return {
        "frames": len(names),
        "sequences": len(scored),
        "scores": {
            who: {name: _mean(values[name], names) for name in (*SCORES, "depth_bias")}
            for who, values in by_maker.items()
        },
        "by_azimuth": _by_azimuth(scored, by_maker),
        "view": {
            who: {
                "azimuth_deg": _mean(azimuth, names),
                "elevation_deg": _mean(elevation, names),
            }
            for who, (azimuth, elevation) in view_errors(scored).items()
        },
        "calibration": {
            "ece": reliability.expected_calibration_error(),
            "bins": reliability.table(),
        },
        "by_sequence": _by_sequence(scored) if len(scored) <= NUM_AZIMUTHS else [],
    }


def _mean(values: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    known = np.isfinite(values)
    chosen = [name for name, is_known in zip(names, known, strict=True) if is_known]
    if not chosen:
        return {"mean": float("nan"), "standard_error": float("nan")}
    return {
        "mean": float(values[known].mean()),
        "standard_error": clustered_standard_error(values[known].tolist(), chosen),
    }


def _by_azimuth(
    scored: Sequence[ScoredSequence], by_maker: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """A row for each eighth of the circle that has frames; the first is around 0 degrees."""
    width = 360 / NUM_AZIMUTHS
    azimuths = np.concatenate([one.azimuth_deg for one in scored])
    bins = np.floor((azimuths + width / 2) / width) % NUM_AZIMUTHS
    rows = []
    for place in range(NUM_AZIMUTHS):
        here = bins == place
        if not here.any():
            continue
        row: dict[str, Any] = {"azimuth_deg": place * width, "frames": int(here.sum())}
        for who, values in by_maker.items():
            row[who] = {
                name: float(np.nanmean(values[name][here]))
                for name in ("depth", "depth_bias", "mpjpe")
            }
        rows.append(row)
    return rows


def _by_sequence(scored: Sequence[ScoredSequence]) -> list[dict[str, Any]]:
    rows = []
    for one in scored:
        row: dict[str, Any] = {"sequence": one.pairs.sequence, "frames": len(one.pairs)}
        for who, scores in one.frames.items():
            row[who] = {
                name: float(np.nanmean(getattr(scores, name)))
                for name in ("depth", "depth_bias", "mpjpe")
            }
        rows.append(row)
    return rows


def tables(report: Report) -> dict[str, Table]:
    """By the fields of the card that they go into."""
    found = {}
    for kind, words in SETS.items():
        if kind not in report:
            continue
        part = report[kind]
        title = f"{part['frames']} frames in {part['sequences']} sequences: {words}"
        found[kind] = Table(title, ["", *(h for h, _ in SCORES.values())], _score_rows(part))
        found[f"{kind}_by_azimuth"] = _bin_table(part["by_azimuth"], "azimuth_deg", "azimuth")
        if part["by_sequence"]:
            found[f"{kind}_by_sequence"] = _bin_table(part["by_sequence"], "sequence", "camera")
        found[f"{kind}_view"] = _view_table(part)
    return found


def _score_rows(part: Report) -> list[list[str]]:
    return [
        [
            who,
            *(
                with_error(scores[name]["mean"], scores[name]["standard_error"], digits)
                for name, (_, digits) in SCORES.items()
            ),
        ]
        for who, scores in part["scores"].items()
    ]


def _bin_table(rows: Sequence[Mapping[str, Any]], key: str, words: str) -> Table:
    makers = (BEFORE, SINGLE, SEQUENCE)
    heads = [f"{name}, {who}" for name in ("depth", "bias", "MPJPE") for who in makers]
    cells = [
        [
            f"{row[key]:.0f}" if isinstance(row[key], float) else str(row[key]),
            str(row["frames"]),
            *(
                number(row[who][name])
                for name in ("depth", "depth_bias", "mpjpe")
                for who in makers
            ),
        ]
        for row in rows
    ]
    title = f"Errors in metres by {words}; a positive bias is too far away"
    return Table(title, [words, "frames", *heads], cells)


def _view_table(part: Report) -> Table:
    rows = [
        [
            who,
            *(
                with_error(errors[name]["mean"], errors[name]["standard_error"], 1)
                for name in ("azimuth_deg", "elevation_deg")
            ),
        ]
        for who, errors in part["view"].items()
    ]
    title = "Mean absolute error of the camera's direction in degrees"
    return Table(title, ["", "azimuth", "elevation"], rows)


def azimuth_chart(report: Report) -> Figure:
    """Depth error and bias over the azimuth of the camera, before and after."""
    kinds = [kind for kind in SETS if kind in report]
    figure = Figure(figsize=(6 * len(kinds), 6), layout="constrained")
    panels = figure.subplots(2, len(kinds), squeeze=False, sharex=True)
    for kind, upper, lower in zip(kinds, *panels, strict=True):
        rows = report[kind]["by_azimuth"]
        places = np.arange(len(rows))
        for number_, who in enumerate((BEFORE, SINGLE, SEQUENCE)):
            moved = places + (number_ - 1) * 0.27
            upper.bar(moved, [row[who]["depth"] for row in rows], 0.25, label=who)
            lower.bar(moved, [row[who]["depth_bias"] for row in rows], 0.25)
        upper.set(title=SETS[kind], ylabel="depth error, m")
        lower.set(xlabel="azimuth of the camera, degrees", ylabel="bias of depth, m")
        lower.set_xticks(places, [f"{row['azimuth_deg']:.0f}" for row in rows])
        lower.axhline(0, color="black", linewidth=0.8)
        upper.legend(fontsize=8)
    return figure


def headline(report: Report, kind: str) -> dict[str, float]:
    """What comparisons show of one set: the network's means, and its view's errors."""
    part = report[kind]
    found = {f"{name}": part["scores"][SEQUENCE][name]["mean"] for name in SCORES}
    found["single_depth"] = part["scores"][SINGLE]["depth"]["mean"]
    found["azimuth_deg"] = part["view"][NETWORK]["azimuth_deg"]["mean"]
    found["elevation_deg"] = part["view"][NETWORK]["elevation_deg"]["mean"]
    return found
