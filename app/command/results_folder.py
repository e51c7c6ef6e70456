"""A folder of results that a killed run leaves usable.

    rows.jsonl               one line for each photo that is done; its last line may be cut
    results.csv              the same as a table, written when a run ends
    made_with.json           the checkpoints that made it
    confidence/PHOTO.png     pictures, named after the photo

A picture is written in one step, and before its photo's line. So what has a line is whole, and what
has none is predicted again.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import FileLock, Timeout

from app.command.columns import CLOTHING, CONFIDENCE, Cell
from app.command.photo_folder import PhotoFile
from app.command.photo_predictor import PhotoRow
from app.settings import ConfigurationError
from model.atomic import replacing, writing

_Line = dict[str, Any]


class ResultsFolder:
    """One run at a time writes into it: use it as a context."""

    def __init__(self, folder: Path, made_with: Mapping[str, str], columns: Sequence[str]) -> None:
        """Nothing is read or written yet.

        Args:
            folder: Made where it is missing.
            made_with: What must be the same for results to be in one table.
            columns: Of the table, after the photo's name.
        """
        self.folder = folder
        self.csv_path = folder / "results.csv"
        self._made_with = dict(made_with)
        self._columns = ["photo", *columns]
        self._rows_path = folder / "rows.jsonl"
        self._lines: dict[str, _Line] = {}
        self._file: IO[str] | None = None
        self._lock = FileLock(folder / ".lock")

    def __enter__(self) -> "ResultsFolder":
        """Read what earlier runs have done.

        Raises:
            ConfigurationError: Another run writes there, or other checkpoints have written there.
            StorageError: The disk is full or read-only.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ConfigurationError(
                f"another run writes into {self.folder}; wait for it, or choose another folder"
            ) from None
        try:
            self._check_made_with()
            self._remove_leftovers()
            self._lines = {line["photo"]: line for line in self._read_lines()}
            # Without a line that was cut when a run was killed.
            with replacing(self._rows_path) as temporary:
                text = "".join(f"{json.dumps(line)}\n" for line in self._lines.values())
                temporary.write_text(text)
            self._file = self._rows_path.open("a")
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the table, also when the run was stopped."""
        try:
            if self._file is not None:
                self._file.close()
            self._write_table()
        finally:
            self._lock.release()

    @property
    def num_failed(self) -> int:
        """Photos whose row says why there is no result."""
        return sum(line["row"]["error"] is not None for line in self._lines.values())

    def has(self, photo: PhotoFile, retry_failed: bool) -> bool:
        """Whether there is nothing left to do for a photo.

        Args:
            photo: One that has changed since is not done.
            retry_failed: Whether one that failed is not done either.
        """
        line = self._lines.get(photo.name)
        if line is None or (retry_failed and line["row"]["error"] is not None):
            return False
        return bool(
            line["num_bytes"] == photo.num_bytes and line["modified_ns"] == photo.modified_ns
        )

    def write_pngs(self, photo: PhotoFile, pngs: Mapping[str, bytes]) -> None:
        """Write a photo's pictures, each in one step. Several threads may do so at once.

        Raises:
            StorageError: The disk is full or read-only.
        """
        for kind, png in pngs.items():
            with replacing(self.folder / kind / f"{photo.name}.png") as temporary:
                temporary.write_bytes(png)

    def add(self, photo: PhotoFile, row: PhotoRow) -> None:
        """Record that a photo is done. Its pictures must have been written.

        Raises:
            StorageError: The disk is full or read-only.
        """
        assert self._file is not None
        line: _Line = {
            "photo": photo.name,
            "num_bytes": photo.num_bytes,
            "modified_ns": photo.modified_ns,
            "row": {"error": row.error, **row.columns},
        }
        with writing(self._rows_path):
            self._file.write(f"{json.dumps(line)}\n")
            self._file.flush()
        self._lines[photo.name] = line

    def _check_made_with(self) -> None:
        path = self.folder / "made_with.json"
        try:
            before = json.loads(path.read_text())
        except FileNotFoundError:
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(self._made_with, indent=2) + "\n")
            return
        names = sorted({*before, *self._made_with})
        if wrong := [name for name in names if before.get(name) != self._made_with.get(name)]:
            raise ConfigurationError(
                f"{self.folder} was made with another {' and another '.join(wrong)}; choose "
                "another folder"
            )

    def _remove_leftovers(self) -> None:
        """Remove half pictures of a run that was killed, in our own folders only."""
        if self._rows_path.exists():
            for kind in (CONFIDENCE, CLOTHING):
                for leftover in (self.folder / kind).rglob(".*.png"):
                    leftover.unlink()

    def _read_lines(self) -> Iterator[_Line]:
        try:
            lines = self._rows_path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                found: _Line = json.loads(line)
            except ValueError:  # cut when a run was killed: the photo is predicted again
                continue
            yield found

    def _write_table(self) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, self._columns, lineterminator="\n")
        table.writeheader()
        for name, line in sorted(self._lines.items()):
            cells = {column: _cell(value) for column, value in line["row"].items()}
            table.writerow({"photo": name, **cells})
        with replacing(self.csv_path) as temporary:
            # Names of files need not be UTF-8.
            temporary.write_text(text.getvalue(), "utf-8", "surrogateescape")


def _cell(value: Cell) -> Cell:
    return json.dumps(value) if isinstance(value, list) else value
