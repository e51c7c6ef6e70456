"""Puts a report into a checkpoint's header, its card beside it, and the picture that it shows."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from training.engine.atomic import replacing, write_text
from training.reporting.contact_sheet import jpeg_within
from training.reporting.tables import markdown


def record(
    path: Path,
    architectures: Sequence[str],
    metrics: Mapping[str, Any],
    worst: Image.Image,
    write_card: Callable[[CheckpointHeader, str], str],
) -> None:
    """Write all three; the tensors stay as they are.

    Args:
        path: The checkpoint.
        architectures: Those that it may hold.
        metrics: Replace those of the header.
        worst: Contact sheet of the worst pictures.
        write_card: The card, from the header with the metrics in it and the name of the picture.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        CheckpointError: It is damaged, or of another architecture.
    """
    header, tensors = load_checkpoint(path, *architectures)
    header = dataclasses.replace(header, metrics=dict(metrics))
    save_checkpoint(path, tensors, header)
    picture = path.with_name(f"{path.stem}_worst.jpg")
    with replacing(picture) as temporary:
        temporary.write_bytes(jpeg_within(worst))
    write_text(path.with_suffix(".md"), write_card(header, picture.name))


def card_text(
    template: Path,
    header: CheckpointHeader,
    picture: str,
    note: str,
    fields: Mapping[str, str],
) -> str:
    """A card as Markdown.

    Args:
        template: Markdown with fields in braces; one without a value becomes "Not measured."
        header: Of the checkpoint.
        picture: Name of the contact sheet beside the card.
        note: A caution about the results, or nothing.
        fields: All others.
    """
    network = header.config.get("network", {})
    settings = ", ".join(f"{key} {value}" for key, value in network.items())
    common = {
        "spdx": header.licence.lower(),
        "licence": header.licence,
        "network": f"`{header.architecture}` ({settings})",
        "input_size": header.config.get("input_size", ""),
        "lineage": lineage_markdown(header.lineage),
        "note": f"\n{note}\n" if note else "",
        "picture": picture,
    }
    filled = collections.defaultdict(lambda: "Not measured.", common | dict(fields))
    return template.read_text().format_map(filled)


def lineage_markdown(lineage: Sequence[TrainingPart]) -> str:
    """A row for each part of a training: what it learned from, how long, by which command."""
    rows = []
    for part, before in zip(lineage, (None, *lineage), strict=False):
        data = "the same" if before is not None and part.data == before.data else part.data
        steps = f"{part.steps:,}" if part.steps else "-"
        rows.append([f"`{_short(part)}`", steps, data, part.commit[:7]])
    return markdown(["part", "steps", "data", "commit"], rows)


def _short(part: TrainingPart) -> str:
    """The command without paths: what was done, and the recipe's name."""
    words = part.recipe.get("command", "unknown").removeprefix("python -m training ").split()
    recipe = next((Path(word).stem for word in words if word.endswith(".toml")), None)
    return " ".join([*words[:2], *([recipe] if recipe else [])])
