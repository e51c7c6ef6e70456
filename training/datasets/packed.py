"""Pictures of any sizes in one memory-mapped file: read at memory's speed, never held whole."""

import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from training.engine.atomic import StorageError, replacing, write_text, writing

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
_PORTION = 64
"""Pictures between two states that an interrupted packing goes on from."""


class Pictures(Protocol):
    """Arrays (H, W, C) of uint8 by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> np.ndarray: ...


class PackedPictures:
    """Arrays (H, W, C) of uint8, one behind the other in a file.

    May be sent to other processes: each maps the file for itself.
    """

    def __init__(self, folder: Path) -> None:
        """Open what `pack` wrote."""
        self.folder = folder
        self._pixels: np.ndarray | None = None
        self._places: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._open()[1])

    def __getitem__(self, number: int) -> np.ndarray:
        """A view into the file: not to be written to."""
        pixels, places = self._open()
        start, *shape = places[number].tolist()
        return pixels[start : start + math.prod(shape)].reshape(shape)

    def _open(self) -> tuple[np.ndarray, np.ndarray]:
        """The pixels, and (N, 4) where each picture begins and its shape."""
        if self._pixels is None or self._places is None:
            self._pixels = np.memmap(self.folder / "pixels.bin", np.uint8, "r")
            self._places = np.load(self.folder / "places.npy", mmap_mode="r", allow_pickle=False)
        return self._pixels, self._places

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_pixels": None, "_places": None}


def pack_in_cache(
    pictures: Pictures, cache: str, name: str, parts: Sequence[object]
) -> PackedPictures:
    """Pack pictures into a folder of the cache that no other selection of pictures uses.

    Args:
        pictures: Each is read once, unless the folder already holds the same ones.
        cache: Folder of all packed pictures.
        name: In a word or two, for the folder's name and the progress bar.
        parts: All that the pictures depend on.

    Raises:
        StorageError: The disk has not enough room.
    """
    fingerprint = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
    folder = Path(cache) / f"{name.replace(' ', '-')}-{fingerprint[:12]}"
    return pack(len(pictures), pictures.__getitem__, folder, fingerprint, f"packing {name}")


def pack(
    count: int,
    make: Callable[[int], np.ndarray],
    folder: Path,
    fingerprint: str,
    description: str,
) -> PackedPictures:
    """Make every picture once, unless the folder already holds the same ones.

    Before the first picture a line is logged on how much it will take. What was interrupted goes on
    where it was. Of several processes with the same folder one works and the others wait for it.

    Args:
        count: Pictures.
        make: The picture of a number, (H, W, C) uint8; called from several threads.
        folder: Where the file goes.
        fingerprint: Changes when any picture would.
        description: For the progress bar.

    Raises:
        StorageError: The disk has not enough room, or is full after all. What was made before is
            kept.
    """
    complete = folder / "complete.json"
    if _is_of(complete, fingerprint):
        logger.info("%s: packed already in %s", description, folder)
        return PackedPictures(folder)
    with writing(folder), _locked(folder):
        # Another process may have packed them meanwhile.
        if not _is_of(complete, fingerprint):
            complete.unlink(missing_ok=True)
            _pack(count, make, folder, fingerprint, description)
            # Last: where it is, the others are whole.
            write_text(complete, json.dumps({"fingerprint": fingerprint}))
    return PackedPictures(folder)


def _pack(
    count: int,
    make: Callable[[int], np.ndarray],
    folder: Path,
    fingerprint: str,
    description: str,
) -> None:
    """Make what is missing, and put the files in their places."""
    begun, pixels, places = (
        folder / name for name in ("begun.json", "pixels.partial", "places.partial")
    )
    if not _is_of(begun, fingerprint):
        begun.unlink(missing_ok=True)
        for partial in (pixels, places):
            partial.write_bytes(b"")
        write_text(begun, json.dumps({"fingerprint": fingerprint}))
    _append(count, make, pixels, places, description)
    rows = np.frombuffer(places.read_bytes(), np.int64).reshape(-1, 4)
    with replacing(folder / "places.npy") as temporary, temporary.open("wb") as file:
        np.save(file, rows, allow_pickle=False)
    begun.unlink()
    places.unlink()
    pixels.replace(folder / "pixels.bin")


def _append(
    count: int, make: Callable[[int], np.ndarray], pixels: Path, places: Path, description: str
) -> None:
    """Make the pictures that are missing at the end of the two files."""
    row = np.dtype(np.int64).itemsize * 4
    done = places.stat().st_size // row
    if done == count:
        return
    with (
        pixels.open("r+b") as pixel_file,
        places.open("r+b") as place_file,
        ThreadPoolExecutor(2) as pool,
        tqdm(total=count, initial=done, desc=description, unit="picture") as bar,
    ):
        position = 0
        if done:
            place_file.seek((done - 1) * row)
            start, *shape = np.frombuffer(place_file.read(row), np.int64).tolist()
            position = start + math.prod(shape)
        # What came after the last place that was written is made again.
        for file, end in ((pixel_file, position), (place_file, done * row)):
            file.truncate(end)
            file.seek(end)
        first = make(done)
        _check_room(pixels.parent, count - done, first.nbytes, description)
        for begin in range(done, count, _PORTION):
            # In portions, so that threads do not run ahead of the disk with memory.
            end = min(begin + _PORTION, count)
            made = pool.map(make, range(max(begin, done + 1), end))
            portion = []
            for picture in chain([first] if begin == done else [], made):
                assert picture.dtype == np.uint8
                pixel_file.write(np.ascontiguousarray(picture).data)
                portion.append((position, *picture.shape))
                position += picture.size
                bar.update()
            # Pixels before places: a place that is there has its pixels.
            for file, content in (
                (pixel_file, b""),
                (place_file, np.array(portion, np.int64).tobytes()),
            ):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


def _check_room(folder: Path, count: int, size: int, description: str) -> None:
    """Say what packing will take, and refuse it where the disk has not so much.

    Args:
        folder: Where the file is.
        count: Pictures that are missing.
        size: Bytes of one of them; the others are taken to be as large.
        description: Begins the message.
    """
    needed, free = count * size / 1e9, shutil.disk_usage(folder).free / 1e9
    what = f"{description}: {count:,} pictures take about {needed:.1f} GB in {folder}"
    if needed > free:
        raise StorageError(f"{what}; {free:.1f} GB are free. Choose another folder for data.cache")
    logger.info("%s; %.1f GB are free", what, free)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A block that one process at a time is in; a process that dies leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_of(path: Path, fingerprint: str) -> bool:
    return path.exists() and json.loads(path.read_text())["fingerprint"] == fingerprint


def evenly_spaced(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """At most so many, evenly from beginning to end."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[i * len(items) // most] for i in range(most))
