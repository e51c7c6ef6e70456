"""Rendered people as the regressor learns from them: what a network found in them, and the truth.

    PREPARED/prepared.json              what decides every number in the folder
    PREPARED/part-00000.safetensors     up to PART_SIZE pictures, and the names of those left out

Everything is in pixels of the stored, smaller picture. Its middle is the camera's centre.

P pictures, H W size of the stored pictures, N betas.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model.errors import InvalidInputError
from training.datasets.splits import Split, subject_split
from training.engine.atomic import replacing, write_text

SETTINGS_FILE = "prepared.json"
PART_SIZE = 128
"""Pictures between two states that an interrupted command goes on from."""
RGB, MAP, DRESSED, NAKED = slice(0, 3), 3, 4, 5
"""Places in `layers`: the photo, the confidence map, the two true silhouettes."""
NUM_LAYERS = 6


class StoredPerson(NamedTuple):
    """One picture of a person."""

    layers: np.ndarray
    """(H, W, 6) uint8: photo, map, dressed and naked silhouette; see `RGB` and the others."""
    box: np.ndarray
    """(4,) of the person as the network found it: left, top, right, bottom."""
    found: np.ndarray
    """(17, 3) COCO's keypoints as the network found them: x, y, score."""
    keypoints: np.ndarray
    """(17, 3) the true ones: x, y, and visibility: 1 seen, 0.5 hidden, 0 outside."""
    joints: np.ndarray
    """(24, 3) SMPL's joints in the camera's frame, in metres, Y up."""
    betas: np.ndarray
    """(N,) of the body asset."""
    pose: np.ndarray
    """(24, 3) axis-angle in radians, the root first."""
    transl: np.ndarray
    """(3,) in metres."""
    focal: np.ndarray
    """(1,) of the true camera, in pixels."""
    stature: np.ndarray
    """(2,) height in metres and mass in kilograms."""
    looseness: np.ndarray
    """(1,) (dressed area - naked area) / naked area in the picture."""


FIELDS = StoredPerson._fields
SMALL_FIELDS = FIELDS[1:]


class PictureName(NamedTuple):
    """Which picture of which subject."""

    folder: str
    """Of the dataset."""
    subject: str
    """Batch and sample."""
    frame: int


class Part(NamedTuple):
    """What one file holds."""

    people: Sequence[StoredPerson]
    names: Sequence[PictureName]
    """Of the people."""
    missed: Sequence[PictureName]
    """Pictures in which the network found nobody where the person is."""


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Begin a folder, or see that it holds what the same settings make.

    Raises:
        InvalidInputError: It was made with others.
    """
    path = folder / SETTINGS_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(dict(settings), indent=2) + "\n")
        return
    found = read_settings(folder)
    if differing := sorted(k for k in settings if found.get(k) != settings[k]):
        raise InvalidInputError(
            f"{folder} was made with another {', '.join(differing)}; choose another folder"
        )


def read_settings(folder: Path) -> dict[str, Any]:
    """What decides every number in the folder.

    Raises:
        FileNotFoundError: There is no such folder, or nothing was prepared there.
        InvalidInputError: Its settings cannot be read.
    """
    path = folder / SETTINGS_FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    return found


def part_path(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05d}.safetensors"


def write_part(folder: Path, number: int, part: Part) -> None:
    """Write a part; the file is there whole or not at all.

    Raises:
        InvalidInputError: The pictures' sizes differ.
        StorageError: The disk is full or read-only.
    """
    if len(sizes := {person.layers.shape[:2] for person in part.people}) > 1:
        raise InvalidInputError(
            f"pictures have the sizes {', '.join(map(str, sorted(sizes)))}; one folder holds "
            "pictures of one size: prepare each rendered folder by itself"
        )
    stacked = {
        name: np.ascontiguousarray(np.stack([getattr(person, name) for person in part.people]))
        for name in FIELDS
        if part.people
    }
    header = {"names": json.dumps(part.names), "missed": json.dumps(part.missed)}
    with replacing(part_path(folder, number)) as temporary:
        save_file(stacked, temporary, header)


@dataclass(frozen=True)
class StoredPeople:
    """The pictures of prepared folders, or some of them. Sent to other processes by their paths."""

    parts: tuple[Path, ...]
    chosen: np.ndarray
    """(P,) int64 numbers among the pictures of all parts."""

    @classmethod
    def open(
        cls, folders: Sequence[Path], wanted: Callable[[PictureName], bool] = lambda _: True
    ) -> "StoredPeople":
        """List the pictures.

        Args:
            folders: That `data reconstruction` wrote.
            wanted: Chooses pictures by their names.

        Raises:
            FileNotFoundError: A folder does not exist, or nothing was prepared there.
            InvalidInputError: A folder is not complete, or a part is damaged.
        """
        parts: list[Path] = []
        for folder in folders:
            number = int(read_settings(folder)["num_parts"])
            own = [part_path(folder, index) for index in range(number)]
            if missing := sum(not path.exists() for path in own):
                raise InvalidInputError(
                    f"{folder} lacks {missing} of {number} parts; the same `python -m training "
                    "data reconstruction` goes on with it"
                )
            parts += own
        everything = cls(tuple(parts), np.zeros(0, np.int64))
        numbers = [n for n, name in enumerate(everything.all_names) if wanted(name)]
        return cls(everything.parts, np.array(numbers, np.int64))

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> StoredPerson:
        """One picture; its layers are read from the disk."""
        number = int(self.chosen[index])
        part = int(np.searchsorted(self._ends, number, "right"))
        place = number - int(self._ends[part - 1] if part else 0)
        small = {name: values[number] for name, values in self._small.items()}
        return StoredPerson(layers=self._file(part).get_slice("layers")[place], **small)

    def name(self, index: int) -> PictureName:
        """Which picture it is."""
        return self.all_names[int(self.chosen[index])]

    def values(self, field: str) -> np.ndarray:
        """(P, ...) a small field of all pictures."""
        found: np.ndarray = self._small[field][self.chosen]
        return found

    @cached_property
    def num_missed(self) -> int:
        """Pictures of the parts in which the network missed the person."""
        return sum(len(json.loads(self._header(part)["missed"])) for part in self._numbers)

    @cached_property
    def all_names(self) -> list[PictureName]:
        """Of the pictures of all parts."""
        names = [json.loads(self._header(part)["names"]) for part in self._numbers]
        return [PictureName(*name) for part in names for name in part]

    @property
    def _numbers(self) -> range:
        return range(len(self.parts))

    @cached_property
    def _ends(self) -> np.ndarray:
        counts = [len(json.loads(self._header(part)["names"])) for part in self._numbers]
        return np.cumsum(counts)

    @cached_property
    def _small(self) -> dict[str, np.ndarray]:
        """The small fields of all pictures, in memory."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in SMALL_FIELDS}
        for part in self._numbers:
            if json.loads(self._header(part)["names"]):
                for name, values in found.items():
                    values.append(self._file(part).get_tensor(name))
        return {name: np.concatenate(values) for name, values in found.items() if values}

    @cached_property
    def _files(self) -> dict[int, Any]:
        return {}

    def _header(self, part: int) -> dict[str, str]:
        header: dict[str, str] = self._file(part).metadata()
        return header

    def _file(self, part: int) -> Any:
        """A part, mapped into memory."""
        if part not in self._files:
            path = self.parts[part]
            try:
                # Opened for as long as this process needs pictures of it.
                self._files[part] = safe_open(path, "numpy")
            except SafetensorError as error:
                raise InvalidInputError(
                    f"{path} is damaged ({error}); delete it, and the same `data reconstruction` "
                    "makes it again"
                ) from error
        return self._files[part]

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": self.parts, "chosen": self.chosen}


def of_split(split: Split, held_out: float) -> Callable[[PictureName], bool]:
    """Chooses the pictures of a split's subjects.

    Args:
        split: Of the subjects.
        held_out: Share of the subjects for validation and test.
    """
    return lambda name: subject_split(name.subject, held_out) == split
