"""Curves of a run: CSV files for tables, TensorBoard events for looking on."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from training.engine.atomic import replacing, writing


class CurveLog:
    """Rows of numbers by step, one CSV file for each kind of row.

    The columns are those of the first row. Continuing a run drops the rows that the lost steps
    wrote, so that no step appears twice, and a row that was cut off while it was written.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        """Open the logs of a run.

        Args:
            folder: Of the run.
            first_step: Rows of later steps are dropped.
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
            writer = csv.DictWriter(file, columns or list(row), extrasaction="ignore")
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
    """Keep the rows up to a step; the file's columns. Without a whole header the file goes."""
    with path.open(newline="") as file:
        reader = csv.DictReader(line for line in file if line.endswith("\n"))
        columns = list(reader.fieldnames or [])
        kept = [row for row in reader if int(row["step"]) <= last_step]
    if not columns:
        path.unlink()
        return columns
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(kept)
    return columns
