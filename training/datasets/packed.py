"""Pictures of any sizes in one memory-mapped file: read at memory's speed, never held whole."""

import json
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.engine.atomic import replacing, write_text

logger = logging.getLogger(__name__)


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


def pack(
    count: int,
    make: Callable[[int], np.ndarray],
    folder: Path,
    fingerprint: str,
    description: str,
) -> PackedPictures:
    """Make every picture once, unless the folder already holds the same ones.

    Args:
        count: Pictures.
        make: The picture of a number, (H, W, C) uint8; called from several threads.
        folder: Where the file goes.
        fingerprint: Changes when any picture would.
        description: For the progress bar.
    """
    complete = folder / "complete.json"
    if complete.exists() and json.loads(complete.read_text())["fingerprint"] == fingerprint:
        logger.info("%s: packed already in %s", description, folder)
        return PackedPictures(folder)
    complete.unlink(missing_ok=True)
    places: list[tuple[int, ...]] = []
    position = 0
    with (
        replacing(folder / "pixels.bin") as temporary,
        temporary.open("wb") as file,
        ThreadPoolExecutor(2) as pool,
        tqdm(total=count, desc=description, unit="picture") as bar,
    ):
        for first in range(0, count, 64):
            # In portions, so that threads do not run ahead of the disk with memory.
            for picture in pool.map(make, range(first, min(first + 64, count))):
                assert picture.dtype == np.uint8
                file.write(np.ascontiguousarray(picture).data)
                places.append((position, *picture.shape))
                position += picture.size
                bar.update()
    with replacing(folder / "places.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.array(places, np.int64).reshape(-1, 4), allow_pickle=False)
    # Last: where it is, the other two are whole.
    write_text(complete, json.dumps({"fingerprint": fingerprint}))
    return PackedPictures(folder)
