"""The card of a judge of meshes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointHeader
from training.mesh_confidence.report import occluder_table, tables
from training.reporting.record import lineage_markdown

TEMPLATE = Path(__file__).with_name("card.md")


def card(header: CheckpointHeader, report: Mapping[str, Any], command: str, note: str) -> str:
    """As Markdown.

    Args:
        header: Of the checkpoint.
        report: Of `training.mesh_confidence.report`.
        command: That measured it.
        note: A caution about the results, or nothing.
    """
    results, *others = tables(report)
    fallen = occluder_table(report)
    reliability = next((table for table in others if not table.on_terminal), None)
    settings = ", ".join(f"{key} {value}" for key, value in header.config["network"].items())
    return TEMPLATE.read_text().format(
        spdx=header.licence.lower(),
        licence=header.licence,
        network=settings,
        lineage=lineage_markdown(header.lineage),
        measured_by=command,
        note=f"\n{note}\n" if note else "",
        results=results.markdown(),
        fallen=fallen.markdown() if fallen else "Not measured.",
        reliability=reliability.markdown() if reliability else "Not measured.",
    )
