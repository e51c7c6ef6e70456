"""Numbers as text: tables of Markdown, lines for the terminal, CSV, JSON, settings."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, without a line end behind it."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines for the terminal: the first column to the left, the others to the right."""
    return [
        f"{first:<28}" + "".join(f"{cell:>10}" for cell in others)
        for first, *others in (head, *rows)
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a header; the columns are those of the first row, None is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def without_nan(content: Any) -> Any:
    """The same with None for numbers that are none: JSON has no other way to say it."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def settings(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line for each setting, nested ones with a dotted name."""
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name} = {json.dumps(value)}"
