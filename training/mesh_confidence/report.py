"""Numbers of judgements as a report, tables and a chart.

{"3dpw, plain": {"rows": N, "good": share, "network": {metrics}, "majority": {...},
                 "distance": {...}, "deviation": {...}, "ece": ..., "bins": [...]}, ...}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from model.mesh_confidence.network import MeshConfidenceNetwork
from model.mesh_confidence.predictor import GOOD_ERROR
from training.mesh_confidence.data import MeshErrors, Part, files_of, read_errors
from training.mesh_confidence.metrics import (
    DEVIATION,
    DISTANCE,
    MAJORITY,
    NETWORK,
    Judgements,
    all_metrics,
    baselines,
    falls_under_occluder,
    judge_rows,
)
from training.reporting.calibration import Reliability, reliability_chart, reliability_table
from training.reporting.tables import Table, number

METRICS = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "f1": "F1",
    "ece": "ECE",
    "top1": "top-1",
    "top3": "top-3",
    "joint_auroc": "AUROC, joints",
    "joint_ece": "ECE, joints",
}
"""Names and heads of columns."""
JUDGES = (NETWORK, MAJORITY, DISTANCE, DEVIATION)
Report = dict[str, Any]


def measure(
    network: MeshConfidenceNetwork, folders: list[Path], part: Part, held_out: bool
) -> Report:
    """Measure a network on every file of folders.

    Args:
        network: In evaluation mode.
        folders: As `training.mesh_confidence.data` describes them.
        part: Which files.
        held_out: Whether the sequences that choose alone are measured, instead of all rows.

    Raises:
        FileNotFoundError: A folder lacks its plain file.
        InvalidInputError: A file is damaged.
    """
    report: Report = {}
    for folder in folders:
        found: dict[str, tuple[MeshErrors, Judgements]] = {}
        for kind, path in files_of(folder, part).items():
            rows = read_errors(path)
            rows = rows.held_out(True) if held_out else rows
            judged = judge_rows(network, rows)
            report[f"{folder.name}, {kind}"] = _entry(rows, judged)
            found[kind] = rows, judged
        if len(found) == 2 and len(found["plain"][0]) == len(found["occluded"][0]):
            (_, plain), (rows, occluded) = found["plain"], found["occluded"]
            fallen = falls_under_occluder(plain, occluded, rows.occluded)
            report[f"{folder.name}, occluded"]["trust_falls"] = fallen
    return report


def _entry(rows: MeshErrors, judged: Judgements) -> Report:
    truth = rows.errors.max(1) <= GOOD_ERROR
    entry: Report = {"rows": len(rows), "good": float(truth.mean())}
    entry[NETWORK] = all_metrics(judged, rows)
    entry |= {name: all_metrics(found, rows) for name, found in baselines(rows).items()}
    if judged.good is not None:
        reliability = Reliability.of(judged.good, truth.astype(float))
        entry["ece"] = reliability.expected_calibration_error()
        entry["bins"] = reliability.table()
    return entry


def results_table(report: Mapping[str, Any]) -> Table:
    """A row for each judge on each file."""
    rows = []
    for name, entry in report.items():
        for judge in JUDGES:
            if judge in entry:
                cells = [number(entry[judge].get(metric)) for metric in METRICS]
                rows.append([f"{name}: {judge}", f"{entry['rows']:,}", *cells])
    shares = ", ".join(f"{name} {number(entry['good'])}" for name, entry in report.items())
    return Table(f"Share of good meshes: {shares}", ["", "rows", *METRICS.values()], rows)


def occluder_table(report: Mapping[str, Any]) -> Table | None:
    """How often trust falls under an occluder; None if that is not known of any file."""
    rows = [
        [name, f"{entry['trust_falls']['pictures']:,}", number(entry["trust_falls"]["share"])]
        for name, entry in report.items()
        if entry.get("trust_falls", {}).get("pictures")
    ]
    head = ["", "pictures", "trust of the joint falls"]
    return Table("A 40 px occluder on a joint", head, rows) if rows else None


def tables(report: Mapping[str, Any]) -> list[Table]:
    """All of a report."""
    binned = {name: entry for name, entry in report.items() if "bins" in entry}
    found = [results_table(report), occluder_table(report)]
    return [table for table in found if table] + (
        [reliability_table(binned)._replace(on_terminal=False)] if binned else []
    )


def charts(report: Mapping[str, Any]) -> dict[str, Figure]:
    """By the stems of their files."""
    binned = {name: entry for name, entry in report.items() if "bins" in entry}
    return {"reliability": reliability_chart(binned)} if binned else {}
