"""Which frame of which folder a number stands for: in files, so that no process holds it whole.

S subjects, F frames.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from training.datasets.shader_scan import ShaderScan

ARRAYS = ("folders", "subject_ids", "frames")


@dataclass(frozen=True)
class FrameList:
    """Frames of one or several datasets, in memory."""

    folders: np.ndarray
    """(S,) text, absolute paths of sample folders."""
    subject_ids: np.ndarray
    """(F,) int32, numbers of folders."""
    frames: np.ndarray
    """(F,) int32, numbers of frames."""
    digest: str
    """Changes when anything above does, or the time of the last change of any folder."""

    @classmethod
    def gather(cls, scans: Iterable[tuple[ShaderScan, np.ndarray]]) -> "FrameList":
        """All frames of chosen subjects.

        Args:
            scans: Each with (S,) bool, the subjects that are wanted.
        """
        folders: list[str] = []
        ids: list[np.ndarray] = [np.zeros(0, np.int32)]
        frames: list[np.ndarray] = [np.zeros(0, np.int32)]
        digest = hashlib.sha256()
        for scan, wanted in scans:
            renumbered = np.cumsum(wanted) - 1 + len(folders)
            chosen = wanted[scan.subject_ids]
            ids.append(renumbered[scan.subject_ids[chosen]].astype(np.int32))
            frames.append(scan.frames[chosen])
            folders += [f"{scan.root}/{key}" for key in scan.subjects[wanted].tolist()]
            digest.update(scan.subject_mtimes[wanted].tobytes())
        arrays = (np.array(folders, np.str_), np.concatenate(ids), np.concatenate(frames))
        for array in arrays:
            digest.update(array.tobytes())
        return cls(*arrays, digest.hexdigest())

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, numbers: np.ndarray) -> "FrameList":
        """Some of the frames.

        Args:
            numbers: int, which, in the order wanted.
        """
        digest = hashlib.sha256(self.digest.encode() + numbers.astype(np.int64).tobytes())
        return FrameList(
            self.folders, self.subject_ids[numbers], self.frames[numbers], digest.hexdigest()
        )

    def store(self, cache: Path) -> "FrameIndex":
        """Write the arrays, unless they are there; a folder of their own for each digest.

        Args:
            cache: Folder for the folder.
        """
        folder = cache / f"frames-{self.digest[:16]}"
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=cache, prefix=f".{folder.name}."))
            try:
                for name in ARRAYS:
                    np.save(partial / f"{name}.npy", getattr(self, name), allow_pickle=False)
                partial.chmod(0o755)
                partial.replace(folder)
            except OSError:
                # Another process may have been faster with the very same arrays.
                shutil.rmtree(partial, ignore_errors=True)
                if not folder.exists():
                    raise
        return FrameIndex(folder)


@dataclass(frozen=True)
class FrameIndex:
    """The same, read from memory-mapped files.

    May be sent to other processes: each maps the files for itself, and only what it asks for is
    read.
    """

    folder: Path

    def __len__(self) -> int:
        return len(self._arrays[2])

    def __getitem__(self, number: int) -> tuple[Path, int]:
        """The sample folder and the frame of a number."""
        folders, subject_ids, frames = self._arrays
        return Path(str(folders[subject_ids[number]])), int(frames[number])

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        folders, ids, frames = (
            np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
        )
        return folders, ids, frames

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}
