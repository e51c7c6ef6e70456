"""Pictures of any sizes in one memory-mapped file: read at memory's speed, never held whole."""

import json
import logging
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
        index = json.loads((folder / "index.json").read_text())
        self._offsets: list[int] = index["offsets"]
        self._shapes: list[tuple[int, int, int]] = [tuple(shape) for shape in index["shapes"]]
        self._pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, number: int) -> np.ndarray:
        """A view into the file: not to be written to."""
        if self._pixels is None:
            self._pixels = np.memmap(self.folder / "pixels.bin", np.uint8, "r")
        start, shape = self._offsets[number], self._shapes[number]
        return self._pixels[start : start + shape[0] * shape[1] * shape[2]].reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pixels": None}


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
    index = folder / "index.json"
    if index.exists() and json.loads(index.read_text())["fingerprint"] == fingerprint:
        logger.info("%s: packed already in %s", description, folder)
        return PackedPictures(folder)
    index.unlink(missing_ok=True)
    offsets: list[int] = []
    shapes: list[tuple[int, ...]] = []
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
                offsets.append(position)
                shapes.append(picture.shape)
                position += picture.size
                bar.update()
    content = {"fingerprint": fingerprint, "offsets": offsets, "shapes": shapes}
    write_text(index, json.dumps(content))
    return PackedPictures(folder)
