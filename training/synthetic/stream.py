"""Rendered pairs made when they are asked for: nothing on disk, the same for any number of workers.

H W the picture's size.
"""

import hashlib
import importlib.metadata
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from training.synthetic.bodies import Floats
from training.synthetic.composing import Picture
from training.synthetic.scene import Synthesizer
from training.synthetic.subjects import Subject


@dataclass(frozen=True)
class RenderedPair:
    """One rendered person and the truth that training uses."""

    layers: Picture
    """(H, W, 5) uint8: dressed RGBA and the naked alpha."""
    keypoints: Floats
    """(17, 3) COCO's keypoints: pixels x, y and visibility (1 seen, 0.5 hidden, 0 outside)."""


class RenderedStream(Dataset[Picture]):
    """Pairs by number, as (H, W, 5): dressed RGBA and the naked alpha, like pairs read from disk.

    An item depends on the seed and its number alone, and is bit for bit what `data synth` writes
    for that subject and frame. Consecutive numbers show the same person, who is dressed once: ask
    for numbers in order, or at least in runs, where speed matters.
    """

    def __init__(
        self,
        seed: int,
        num_subjects: int,
        num_frames: int,
        side: int,
        samples: int = 1,
        poses: Path | None = None,
    ) -> None:
        """Prepare; bodies are loaded with the first item, in the process that asks for it.

        Args:
            seed: Another seed gives other people.
            num_subjects: How many people there are.
            num_frames: Pictures of each.
            side: Of the square pictures, in pixels.
            samples: Rays along each side of a pixel.
            poses: Folder of BVH clips that a share of the poses comes from, or None.
        """
        for name, value in (
            ("num_subjects", num_subjects),
            ("num_frames", num_frames),
            ("side", side),
            ("samples", samples),
        ):
            if value < 1:
                raise ValueError(f"{name} is {value}; at least 1 is needed")
        self._settings = (seed, num_subjects, num_frames, side, samples)
        self._poses = poses
        self._worker: _Worker | None = None

    def __len__(self) -> int:
        _, num_subjects, num_frames, _, _ = self._settings
        return num_subjects * num_frames

    def __getitem__(self, number: int) -> Picture:
        """Render one pair, without its keypoints."""
        return self.pair(number).layers

    def pair(self, number: int) -> RenderedPair:
        """Render one pair.

        Raises:
            IndexError: There is no such pair.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"pair {number} of {len(self)}")
        _, _, num_frames, side, samples = self._settings
        worker = self._own_worker()
        index, frame_number = divmod(number, num_frames)
        with worker.lock:
            subject = worker.subject(index)
            frame = worker.synthesizer.frame(subject, (index, frame_number), (side, side), samples)
        layers = np.concatenate([frame.dressed, frame.naked[..., 3:]], axis=-1)
        return RenderedPair(layers, frame.coco_keypoints)

    def empty(self, number: int) -> Picture:
        """A picture (H, W, 3) of things and nobody; any number of at least 0 gives another one."""
        _, _, _, side, samples = self._settings
        worker = self._own_worker()
        with worker.lock:
            return worker.synthesizer.empty((number, 0), (side, side), samples)

    def _own_worker(self) -> "_Worker":
        # What a parent process has built is of no use in a fork of it.
        if self._worker is None or self._worker.process != os.getpid():
            self._worker = _Worker(self._settings[0], self._poses)
        return self._worker

    def __getstate__(self) -> dict[str, Any]:
        """Without what each process builds for itself."""
        return self.__dict__ | {"_worker": None}


class _Worker:
    """What one process keeps: the renderer and the person that was seen last."""

    def __init__(self, seed: int, poses: Path | None) -> None:
        self.process = os.getpid()
        # The workers share the cores; each renders on its own, and none takes a GPU from training.
        self.synthesizer = Synthesizer(seed, device="cpu", poses=poses)
        self.lock = threading.Lock()
        """The renderer's buffers serve one picture at a time."""
        self._last: tuple[int, Subject] | None = None

    def subject(self, index: int) -> Subject:
        if self._last is None or self._last[0] != index:
            self._last = index, self.synthesizer.subject(index)
        return self._last[1]


def generator_digest() -> str:
    """Of the code that renders people: with other code, other people come out of the same seed."""
    sha = hashlib.sha256(importlib.metadata.version("anny").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(path.name.encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()[:16]
