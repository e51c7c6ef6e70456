"""The frames of SHADER folders, listed once and remembered.

Listing 300,000 pairs takes minutes on a network drive. The listing is therefore stored with the
time of the last change of every folder, and made again only when one of the folders has changed.
Data workers read the frames that they need from a memory-mapped file.

F frames.
"""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.datasets.listing import LeftOut
from training.datasets.shader import KINDS, iter_batches, list_subject, subject_folders
from training.engine.atomic import replacing, write_text

logger = logging.getLogger(__name__)

ABSENT = -1
"""Time of a folder that does not exist."""


@dataclass(frozen=True)
class ShaderListing:
    """The contents of one SHADER folder."""

    root: str
    """Absolute path."""
    mtimes: dict[str, int]
    """Time of the last change of every folder, in nanoseconds, by its path below `root`."""
    frames: dict[str, list[int]]
    """Numbers of the frames that have both pictures, by `ShaderSubject.key`."""
    left_out: str
    """One line on the files that are not used, and why; empty where all are used."""

    def is_current(self) -> bool:
        """Whether no folder has changed since."""
        return all(_mtime(Path(self.root, name)) == time for name, time in self.mtimes.items())


def list_frames(root: Path, cache: Path) -> ShaderListing:
    """The contents of a SHADER folder, from the cache where nothing has changed.

    Args:
        root: The folder that holds the batches.
        cache: Folder for the stored listings, one file for each `root`.

    Raises:
        FileNotFoundError: `root` does not exist.
        InvalidInputError: It holds no batch folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    root = root.resolve()
    path = cache / f"listing-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}.json"
    listing = _load(path)
    if listing is not None and listing.is_current():
        num_frames = sum(map(len, listing.frames.values()))
        logger.info("%s: listed before and unchanged, %d frames", root, num_frames)
    else:
        listing = _list(root)
        write_text(path, json.dumps(dataclasses.asdict(listing)))
    if listing.left_out:
        logger.warning("%s: %s", root, listing.left_out)
    return listing


def _list(root: Path) -> ShaderListing:
    """List every folder; its time is read first, so that a later change is not overlooked."""
    left_out = LeftOut()
    mtimes = {"": _mtime(root)}
    batches = list(iter_batches(root, left_out))
    mtimes |= {batch.name: _mtime(batch) for batch in batches}
    frames: dict[str, list[int]] = {}
    folders = [folder for batch in batches for folder in subject_folders(batch)]
    for folder in tqdm(folders, desc=f"listing {root.name}", unit="subject"):
        for path in (folder, *(folder / kind for kind in KINDS)):
            mtimes[path.relative_to(root).as_posix()] = _mtime(path)
        subject = list_subject(folder, left_out)
        frames[subject.key] = list(subject.frames)
    return ShaderListing(str(root), mtimes, frames, str(left_out) if left_out else "")


def _load(path: Path) -> ShaderListing | None:
    """A stored listing; None where there is none, or none that can be read."""
    try:
        return ShaderListing(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        logger.warning("%s cannot be read; the folder is listed again: %s", path, error)
        return None


def _mtime(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return ABSENT


@dataclass(frozen=True)
class FrameList:
    """Frames of one or several datasets, in memory."""

    rows: np.ndarray
    """(F,) of the fields `folder`, the absolute path of a sample folder, and `frame`, a number."""
    digest: str
    """Changes when the rows change, or the time of the last change of one of their folders."""

    @classmethod
    def gather(
        cls, listings: Iterable[ShaderListing], wanted: Callable[[str], bool]
    ) -> "FrameList":
        """All frames of the subjects whose `ShaderSubject.key` is wanted."""
        rows: list[tuple[bytes, int]] = []
        mtimes = []
        for listing in listings:
            for key in filter(wanted, listing.frames):
                folder = os.fsencode(f"{listing.root}/{key}")
                rows += [(folder, frame) for frame in listing.frames[key]]
                mtimes += [listing.mtimes[f"{key}{end}"] for end in ("", "/dressed", "/naked")]
        longest = max((len(folder) for folder, _ in rows), default=1)
        array = np.array(rows, [("folder", f"S{longest}"), ("frame", np.int32)])
        digest = hashlib.sha256(array.tobytes() + json.dumps(mtimes).encode())
        return cls(array, digest.hexdigest())

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, numbers: np.ndarray) -> "FrameList":
        """Some of the frames.

        Args:
            numbers: int, of the rows, in the order wanted.
        """
        digest = hashlib.sha256(self.digest.encode() + numbers.astype(np.int64).tobytes())
        return FrameList(self.rows[numbers], digest.hexdigest())

    def store(self, cache: Path) -> "FrameIndex":
        """Write the rows to a file for each digest, unless it exists."""
        path = cache / f"frames-{self.digest[:16]}.npy"
        if not path.exists():
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, self.rows, allow_pickle=False)
        return FrameIndex(path)


@dataclass(frozen=True)
class FrameIndex:
    """A stored frame list. Other processes receive the path, and map the file for themselves."""

    path: Path

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> tuple[Path, int]:
        """The sample folder and the frame of a row."""
        folder, frame = self._rows[number]
        return Path(os.fsdecode(folder)), int(frame)

    @cached_property
    def _rows(self) -> np.ndarray:
        rows: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return rows

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}
