"""The quality of a network in int8 beside that in float32, as `training quantize` measured it."""

from pathlib import Path
from typing import Any

from model.backend.quantized import ARCHITECTURE, MAX_LOSS, quantized_path
from model.checkpoint import load_header
from training.reporting.tables import Table, number

FORMATS = ("float32", "int8")


def quality_table(metrics: dict[str, Any]) -> Table:
    """A row for each format, and the difference.

    Args:
        metrics: Of an int8 file's header.
    """
    names = list(metrics["float32"])
    columns = [[metrics[name][key] for key in names] for name in FORMATS]
    differences = [
        None if one is None or other is None else other - one
        for one, other in zip(*columns, strict=True)
    ]
    taken = "takes" if metrics["loss"] <= MAX_LOSS else "does not take"
    title = (
        f"float32 and int8 on the validation split; `HABITUS_PRECISION=auto` {taken} int8: "
        f"it may lose {MAX_LOSS} of {names[0]}"
    )
    rows = [
        [words, *(number(value, 4) for value in values)]
        for words, values in zip((*FORMATS, "difference"), (*columns, differences), strict=True)
    ]
    return Table(title, ["", *names], rows)


def recorded_quality(checkpoint: Path) -> Table | None:
    """The table of the int8 network beside a checkpoint; None where there is none of its tensors.

    Raises:
        CheckpointError: A file is damaged.
    """
    path = quantized_path(checkpoint)
    if not path.is_file():
        return None
    header = load_header(path)
    if header.architecture != ARCHITECTURE or header.config["of"] != load_header(checkpoint).sha256:
        return None
    return quality_table(header.metrics)
