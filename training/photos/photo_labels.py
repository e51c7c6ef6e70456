"""The files that `python -m training data label-photos` writes.

    labels.jsonl                 a line about the whole: format, landmarker, where the photos are;
                                 then one for each photo: size, nobody, people
    masks/<folder>/<file>.png    grey with alpha, at the label's size: grey is the person's number
                                 (0 nobody, 255 unknown), alpha how surely it is a person

A label is of the photo shrunk to at most MAX_SIDE pixels on its longer side.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.photo import opened_picture, read_photo
from training.engine.atomic import replacing, write_text
from training.photos.coco_keypoints import NUM_KEYPOINTS
from training.photos.photo_label import NOBODY, LabelledPerson, PhotoLabel

FORMAT = "habitus-photo-labels-1"
LABELS = "labels.jsonl"
MAX_SIDE = 1024
"""Pixels."""


@dataclass(frozen=True)
class PhotoRecord:
    """One photo's line."""

    size: tuple[int, int]
    """(height, width) of the label."""
    people: tuple[LabelledPerson, ...]
    nobody: bool
    covered: float
    """Share of the pixels that are a person's or unknown."""


@dataclass(frozen=True)
class PhotoLabels:
    """The lines of a folder of labels."""

    root: Path
    model: str
    """File name of the landmarker's weights."""
    model_sha256: str
    folders: Mapping[str, str]
    """Folders of the photos by name."""
    records: Mapping[str, PhotoRecord]
    """By key, `folder/file`."""

    @classmethod
    def load(cls, root: Path) -> "PhotoLabels":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: There are no labels.
            InvalidInputError: They are damaged, or of another kind.
        """
        path = root / LABELS
        lines = path.read_text().splitlines()
        try:
            head = json.loads(lines[0])
            if head["format"] != FORMAT:
                raise InvalidInputError(f"{path} has the format {head['format']}; not {FORMAT}")
            rows = [json.loads(line) for line in lines[1:]]
            records = {str(row["photo"]): _record(row) for row in rows}
            return cls(root, head["model"], head["model_sha256"], head["folders"], records)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InvalidInputError(
                f"{path} cannot be read as labels: {type(error).__name__}: {error}"
            ) from error

    def with_records(self, records: Mapping[str, PhotoRecord]) -> "PhotoLabels":
        """These and more."""
        return replace(self, records={**self.records, **records})

    def in_folders(self, folders: Mapping[str, str]) -> "PhotoLabels":
        """The same of photos in these folders."""
        return replace(self, folders=folders)

    def save(self) -> None:
        """Write all lines; the file is there whole or not at all."""
        head = {"format": FORMAT, "model": self.model, "model_sha256": self.model_sha256}
        rows = [head | {"folders": dict(self.folders)}]
        rows += [_row(key, record) for key, record in sorted(self.records.items())]
        write_text(self.root / LABELS, "".join(f"{json.dumps(row)}\n" for row in rows))

    def mask_path(self, key: str) -> Path:
        """The picture of a photo's masks."""
        return self.root / "masks" / f"{key}.png"

    def write_masks(self, key: str, label: PhotoLabel) -> None:
        """Put a photo's masks into their file."""
        picture = Image.fromarray(np.dstack([label.ids, label.alpha]))
        with replacing(self.mask_path(key)) as temporary:
            picture.save(temporary, optimize=True)

    def read_masks(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the persons and their alpha, (H, W) uint8 each.

        Raises:
            FileNotFoundError: The file is not there.
            InvalidInputError: It cannot be read, or has another size than the photo's line says.
        """
        path, size = self.mask_path(key), self.records[key].size
        with opened_picture(path) as picture:
            layers = np.asarray(picture)
        if layers.shape != (*size, 2) or layers.dtype != np.uint8:
            raise InvalidInputError(f"{path} is {layers.shape}; {(*size, 2)} is needed")
        return layers[..., 0].copy(), layers[..., 1].copy()


def record_of(label: PhotoLabel) -> PhotoRecord:
    """What goes into a photo's line."""
    height, width = label.ids.shape
    covered = round(float((label.ids != NOBODY).mean()), 4)
    return PhotoRecord((height, width), label.people, label.nobody, covered)


def read_shrunk(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A photo at the size at which it is labelled.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read.
    """
    image = read_photo(path)
    scale = MAX_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = Image.fromarray(image).resize(size, Image.Resampling.BOX)
    return np.asarray(small)


def _row(key: str, record: PhotoRecord) -> dict[str, Any]:
    people = [
        {
            "box": np.round(person.box.astype(float), 1).tolist(),
            "keypoints": np.round(person.keypoints.astype(float), 3).tolist(),
            "score": round(person.score, 3),
            "source": person.source,
        }
        for person in record.people
    ]
    height, width = record.size
    size = {"photo": key, "width": width, "height": height}
    return {**size, "nobody": record.nobody, "covered": record.covered, "people": people}


def _record(row: dict[str, Any]) -> PhotoRecord:
    people = tuple(
        LabelledPerson(
            np.array(person["box"], np.float32).reshape(4),
            np.array(person["keypoints"], np.float32).reshape(NUM_KEYPOINTS, 3),
            float(person["score"]),
            str(person["source"]),
        )
        for person in row["people"]
    )
    size = int(row["height"]), int(row["width"])
    return PhotoRecord(size, people, bool(row["nobody"]), float(row["covered"]))
