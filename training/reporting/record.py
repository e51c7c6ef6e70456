"""Puts a report into a checkpoint's header, its card beside it, and the picture that it shows."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from model.checkpoint import CheckpointHeader, load_checkpoint, save_checkpoint
from training.engine.atomic import replacing, write_text
from training.reporting.contact_sheet import jpeg_within

WriteCard = Callable[[CheckpointHeader, str, str | None], str]
"""The card from the header with the report in it, the name of the picture beside the card, and what
`compare` found, as Markdown, if there is such a file."""


def record(
    path: Path,
    architectures: Sequence[str],
    report: Mapping[str, Any],
    worst: Image.Image,
    write_card: WriteCard,
) -> None:
    """Write all three; the tensors stay as they are.

    What `compare` wrote, put beside the checkpoint as `<name>_comparison.md`, becomes a part of the
    card.

    Args:
        path: The checkpoint.
        architectures: Those that it may hold.
        report: Takes the place of the header's metrics, but for the step.
        worst: Contact sheet of the worst pictures.
        write_card: Puts the card into words.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        CheckpointError: It is damaged, or of another architecture.
    """
    header, tensors = load_checkpoint(path, *architectures)
    step = header.metrics.get("step")
    metrics = {name: value for name, value in report.items() if name != "checkpoint"}
    header = dataclasses.replace(header, metrics=metrics | {"step": step})
    save_checkpoint(path, tensors, header)
    picture = path.with_name(f"{path.stem}_worst.jpg")
    with replacing(picture) as temporary:
        temporary.write_bytes(jpeg_within(worst))
    table = path.with_name(f"{path.stem}_comparison.md")
    comparison = table.read_text() if table.exists() else None
    write_text(path.with_suffix(".md"), write_card(header, picture.name, comparison))
