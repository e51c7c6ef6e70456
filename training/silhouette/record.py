"""Puts a report into a checkpoint's header, its card beside it, and the picture that it shows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from model.checkpoint import load_checkpoint, save_checkpoint
from model.silhouette.predictor import ARCHITECTURE
from training.engine.atomic import replacing, write_text
from training.silhouette.card import silhouette_card
from training.silhouette.sheets import jpeg_within


def record(
    path: Path, report: Mapping[str, Any], measured_by: str, made_on: str, worst: Image.Image
) -> None:
    """Write all three; the tensors stay as they are.

    What `compare silhouette` wrote, put beside the checkpoint as `<name>_comparison.md`, becomes a
    part of the card.

    Args:
        path: The checkpoint.
        report: On rendered people and on photos; takes the place of the header's metrics, but for
            the step.
        measured_by: The command that made the report.
        made_on: The machine and the hours of the training, in a sentence.
        worst: Contact sheet of the worst photos.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        CheckpointError: It is damaged.
    """
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    step = header.metrics.get("step")
    metrics = {name: value for name, value in report.items() if name != "checkpoint"}
    header = dataclasses.replace(header, metrics=metrics | {"step": step})
    save_checkpoint(path, tensors, header)
    picture = path.with_name(f"{path.stem}_worst.jpg")
    with replacing(picture) as temporary:
        temporary.write_bytes(jpeg_within(worst))
    table = path.with_name(f"{path.stem}_comparison.md")
    comparison = table.read_text() if table.exists() else None
    card = silhouette_card(header, measured_by, made_on, picture.name, comparison)
    write_text(path.with_suffix(".md"), card)
