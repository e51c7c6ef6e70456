"""Writes the curves of a run to CSV files and to TensorBoard."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from training.engine.atomic import write_text, writing


class CurveLog:
    """Rows of numbers by step, one CSV file for each kind of row.

    The first row decides the columns. When a run is continued, the rows of lost steps and an
    incomplete last row are removed, so that no step appears twice.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        """Open the logs of a run.

        Args:
            folder: Of the run.
            first_step: Rows of later steps are removed.
        """
        self.folder = folder
        self._columns: dict[str, list[str]] = {}
        for path in folder.glob("*.csv"):
            if columns := _cut(path, first_step):
                self._columns[path.stem] = columns
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Add a row.

        Args:
            kind: Names the file, e.g. `learned` or `judged`.
            step: Steps done so far.
            values: By column.

        Raises:
            StorageError: The disk is full.
        """
        path = self.folder / f"{kind}.csv"
        row = {"step": step, **values}
        columns = self._columns.get(kind)
        with writing(path), path.open("a", newline="") as file:
            writer = csv.DictWriter(
                file, columns or list(row), extrasaction="ignore", lineterminator="\n"
            )
            if columns is None:
                writer.writeheader()
                self._columns[kind] = list(row)
            writer.writerow(row)
        with writing(self.folder / "tensorboard"):
            for name, value in values.items():
                self._events.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Flush the events.

        Raises:
            StorageError: The disk is full.
        """
        with writing(self.folder / "tensorboard"):
            self._events.close()

    def __enter__(self) -> "CurveLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _cut(path: Path, last_step: int) -> list[str]:
    """Keep the rows up to a step. Returns the columns; a file without a whole header is removed."""
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    if not lines:
        path.unlink()
        return []
    header, *rows = lines
    kept = [row for row in rows if int(row.partition(",")[0]) <= last_step]
    write_text(path, header + "".join(kept))
    return header.rstrip("\n").split(",")
