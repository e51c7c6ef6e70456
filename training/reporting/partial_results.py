"""One line for each measured picture, so that a long run goes on where it stopped.

    OUT/rows/<digest>/rendered.2-of-4.jsonl

The digest is of the checkpoint and of how it is measured: rows of another checkpoint lie in another
folder and are never mixed in. A row holds the picture's key, its stamp, and its score. Every run
reads the rows of all parts in the folder and appends to the file of its own part.
"""

import argparse
import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from model.errors import InvalidInputError
from training.engine.atomic import writing

_AS_LIST = PlainSerializer(lambda array: array.tolist())
Integers = Annotated[np.ndarray, PlainValidator(lambda v: np.asarray(v, np.int64)), _AS_LIST]
Floats = Annotated[np.ndarray, PlainValidator(lambda v: np.asarray(v, np.float64)), _AS_LIST]
"""Fields of scores: arrays that are lists in a row."""


class Shard(NamedTuple):
    """One of so many equal parts of the work."""

    number: int
    """From 1."""
    total: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A type for `add_argument`: I/N with I from 1 to N."""
        number, _, total = text.partition("/")
        if not (number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total)):
            raise argparse.ArgumentTypeError(f"{text!r} is not I/N with I from 1 to N, like 2/4")
        return cls(int(number), int(total))

    def part(self, items: list[int]) -> list[int]:
        """This part: neighbours stay together, since frames of one subject share work."""
        first, last = (len(items) * n // self.total for n in (self.number - 1, self.number))
        return items[first:last]


WHOLE = Shard(1, 1)


class PartialResults:
    """Scores by picture, on disk or, without a folder, for this run alone."""

    def __init__(self, folder: Path | None, kind: str, shard: Shard = WHOLE) -> None:
        """Read what earlier runs and other parts have measured.

        Args:
            folder: Of one checkpoint.
            kind: First word of the files' names.
            shard: Whose file is appended to.

        Raises:
            InvalidInputError: A file is damaged elsewhere than in its last line.
        """
        self._rows: dict[str, tuple[str, Any]] = {}
        self.path: Path | None = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob(f"{kind}.*.jsonl")):
            self._read(path)
        self.path = folder / f"{kind}.{shard.number}-of-{shard.total}.jsonl"
        _cut_torn_line(self.path)

    def get(self, key: str, stamp: str) -> Any | None:
        """A picture's score; None where it has none, or the picture has changed since."""
        found = self._rows.get(key)
        return found[1] if found is not None and found[0] == stamp else None

    def append(self, key: str, stamp: str, score: Any) -> None:
        """Keep a score; it is on disk when this returns.

        Raises:
            StorageError: The disk is full or read-only.
        """
        if self.path is not None:
            line = json.dumps({"key": key, "stamp": stamp, "score": score}) + "\n"
            with writing(self.path), self.path.open("ab", buffering=0) as file:
                file.write(line.encode())
        self._rows[key] = (stamp, score)

    def _read(self, path: Path) -> None:
        *lines, _torn = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                self._rows[row["key"]] = (row["stamp"], row["score"])
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidInputError(
                    f"{path}, line {number} is damaged ({error}); delete the file to measure anew"
                ) from error


def _cut_torn_line(path: Path) -> None:
    """Take off what a killed run wrote of its last line."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
