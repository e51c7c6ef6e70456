"""Numbers as text: tables of Markdown, lines for the terminal, CSV, JSON."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """A table of a report, for the terminal and the card."""

    title: str
    """A line above it."""
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    on_terminal: bool = True

    def markdown(self) -> str:
        """For the card."""
        return f"{self.title}.\n\n{markdown(self.head, self.rows)}"

    def text(self) -> str:
        """For the terminal."""
        return "\n".join([self.title, *aligned(self.head, self.rows)]) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def with_error(value: float | None, standard_error: float | None, digits: int = 3) -> str:
    """A number and its standard error, as `0.950 ± 0.001`, where there is one."""
    if value is None or standard_error is None or math.isnan(standard_error):
        return number(value, digits)
    return f"{value:.{digits}f} ± {standard_error:.{digits}f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, without a line end behind it."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines for the terminal: the first column to the left, the others to the right."""
    widths = [max(8, *map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        f"{first:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
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
