"""Reads files of predicted betas, one prediction for a subject or for a frame.

The name of a prediction is `batch/subject` for all frames of a subject, or `batch/subject/frame`
for one frame, which takes precedence. The suffix decides the format:

    .csv    batch,subject,frame,beta_0,beta_1,...    the column `frame` is optional
    .json   {"maleBatch001/0000": [0.3, -1.2], "maleBatch001/0001/12": [1.0]}
    .npz    an array of betas under each name
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.body.predictor import MAX_BETAS
from model.errors import InvalidInputError

Betas = np.ndarray[Any, np.dtype[np.float64]]

MAX_BETA = 1e4
"""Largest value, far beyond any person's, with which meshes are finite."""


@dataclass(frozen=True)
class Predictions:
    """Predicted betas by name."""

    betas: Mapping[str, Betas]

    def name_for(self, batch: str, subject: str, frame: int) -> str | None:
        """The name of the prediction for a frame; None without one."""
        for name in (f"{batch}/{subject}/{frame}", f"{batch}/{subject}"):
            if name in self.betas:
                return name
        return None


def read_predictions(path: Path) -> Predictions:
    """Read a file of predicted betas.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It has another format, or numbers that are not betas.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    readers = {".csv": _read_csv, ".json": _read_json, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise InvalidInputError(f"{path.name} has another suffix than {', '.join(readers)}")
    betas: dict[str, Betas] = {}
    for name, values in readers[path.suffix.lower()](path):
        key = _normalised(name, path)
        if key in betas:
            raise InvalidInputError(f"{path.name} holds {key} twice")
        betas[key] = check_betas(values, f"{path.name}: {name}")
    if not betas:
        raise InvalidInputError(f"{path.name} holds no predictions")
    return Predictions(betas)


def check_betas(values: object, what: str) -> Betas:
    """Betas as float64: 1 to 300 numbers between -10,000 and 10,000.

    Raises:
        InvalidInputError: The values are something else. The message begins with `what`.
    """
    try:
        betas = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{what}: betas must be numbers: {error}") from error
    if betas.ndim != 1 or not 1 <= betas.size <= MAX_BETAS:
        raise InvalidInputError(
            f"{what}: betas have the shape {betas.shape}; a row of 1 to {MAX_BETAS} is needed"
        )
    # Written so that NaN fails too.
    if not (np.abs(betas) <= MAX_BETA).all():
        raise InvalidInputError(f"{what}: betas are not finite, or beyond ±{MAX_BETA:g}")
    return betas


def length_change(given: int, asset: int) -> str:
    """Describes how betas are fitted to an asset with another number of betas."""
    change = "the others are cut" if given > asset else "the missing ones are taken as 0"
    return f"{given} betas, the asset {asset}: {change}"


def _normalised(name: str, path: Path) -> str:
    parts = name.strip("/").split("/")
    if len(parts) == 2:
        return "/".join(parts)
    if len(parts) == 3 and parts[2].isdecimal():
        return f"{parts[0]}/{parts[1]}/{int(parts[2])}"
    raise InvalidInputError(
        f"{path.name} holds {name!r}; names are batch/subject or batch/subject/frame"
    )


def _read_csv(path: Path) -> Iterator[tuple[str, object]]:
    try:
        # Text, or the subject 0000 would become 0.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path.name} is not a readable CSV file: {error}") from error
    columns = [name for name in table.columns if name.startswith("beta_")]
    if columns != [f"beta_{index}" for index in range(len(columns))] or not columns:
        raise InvalidInputError(f"{path.name} has no columns beta_0, beta_1 ... in order")
    if missing := {"batch", "subject"} - set(table.columns):
        raise InvalidInputError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
    for row in table.to_dict("records"):
        name = f"{row['batch']}/{row['subject']}"
        if row.get("frame"):
            name = f"{name}/{row['frame']}"
        yield name, [row[column] for column in columns]


def _read_json(path: Path) -> Iterator[tuple[str, object]]:
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{path.name} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInputError(
            f"{path.name} holds a {type(content).__name__}; an object of names and betas is needed"
        )
    yield from content.items()


def _read_npz(path: Path) -> Iterator[tuple[str, object]]:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            yield from arrays.items()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path.name} is not a readable NPZ file: {error}") from error
