"""Which subjects and frames a SHADER folder holds: listed once, then remembered.

Listing 300,000 pairs takes minutes on a network drive. What was found is kept together with the
time of the last change of every folder, and listed again only when one of them has changed: when
something in it was added, removed or renamed.

S subjects, B batches, F frames.
"""

import hashlib
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.datasets.listing import LeftOut
from training.datasets.shader import iter_batches, list_subject, subject_folders
from training.engine.atomic import replacing

logger = logging.getLogger(__name__)

ABSENT = -1
"""Time of a folder that is not there."""


@dataclass(frozen=True)
class ShaderScan:
    """The contents of one folder, subject by subject."""

    root: str
    """Absolute."""
    root_mtime: np.ndarray
    """() int64, nanoseconds."""
    batches: np.ndarray
    """(B,) text, names of the batch folders."""
    batch_mtimes: np.ndarray
    """(B,) int64, nanoseconds."""
    subjects: np.ndarray
    """(S,) text, `ShaderSubject.key` of each."""
    subject_mtimes: np.ndarray
    """(S, 3) int64, nanoseconds: of the sample folder, of `dressed` and of `naked` in it."""
    subject_ids: np.ndarray
    """(F,) int32, numbers of subjects, ascending."""
    frames: np.ndarray
    """(F,) int32, frames with both pictures, ascending within a subject."""
    left_out: str
    """One line on what is not used and why; empty where everything is."""

    def is_current(self) -> bool:
        """Whether no folder has changed since."""
        root = Path(self.root)
        if _mtime(root) != self.root_mtime:
            return False
        times = [_mtime(root / name) for name in self.batches.tolist()]
        if times != self.batch_mtimes.tolist():
            return False
        return all(
            _subject_mtimes(root / key) == known
            for key, known in zip(self.subjects.tolist(), self.subject_mtimes.tolist(), strict=True)
        )


def scan_shader(root: Path, cache: Path) -> ShaderScan:
    """What a folder holds, from the cache where it has not changed.

    Args:
        root: The folder that holds the batches.
        cache: Folder for the result, a file for each `root`.

    Raises:
        FileNotFoundError: `root` does not exist.
        InvalidInputError: It holds no batch folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    root = root.resolve()
    path = cache / f"scan-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}.npz"
    known = _load(path)
    if known is not None and known.root == str(root) and known.is_current():
        logger.info("%s: scanned already, %d frames", root, len(known.frames))
        _report(known)
        return known
    scan = _scan(root)
    _report(scan)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            root=scan.root,
            root_mtime=scan.root_mtime,
            batches=scan.batches,
            batch_mtimes=scan.batch_mtimes,
            subjects=scan.subjects,
            subject_mtimes=scan.subject_mtimes,
            subject_ids=scan.subject_ids,
            frames=scan.frames,
            left_out=scan.left_out,
        )
    return scan


def _report(scan: ShaderScan) -> None:
    if scan.left_out:
        logger.warning("%s: %s", scan.root, scan.left_out)


def _scan(root: Path) -> ShaderScan:
    """List every folder; its time is taken first, so that a later change is not overlooked."""
    left_out = LeftOut()
    root_mtime = _mtime(root)
    batches = list(iter_batches(root, left_out))
    batch_mtimes = [_mtime(batch) for batch in batches]
    folders = [folder for batch in batches for folder in subject_folders(batch)]
    keys: list[str] = []
    subject_mtimes: list[list[int]] = []
    frames: list[np.ndarray] = []
    for folder in tqdm(folders, desc=f"scanning {root.name}", unit="subject"):
        subject_mtimes.append(_subject_mtimes(folder))
        subject = list_subject(folder, left_out)
        keys.append(subject.key)
        frames.append(np.array(subject.frames, np.int32))
    return ShaderScan(
        root=str(root),
        root_mtime=np.array(root_mtime, np.int64),
        batches=np.array([batch.name for batch in batches], np.str_),
        batch_mtimes=np.array(batch_mtimes, np.int64),
        subjects=np.array(keys, np.str_),
        subject_mtimes=np.array(subject_mtimes, np.int64).reshape(-1, 3),
        subject_ids=np.repeat(np.arange(len(keys), dtype=np.int32), [len(f) for f in frames]),
        frames=np.concatenate([np.zeros(0, np.int32), *frames]),
        left_out=str(left_out) if left_out else "",
    )


def _load(path: Path) -> ShaderScan | None:
    """An earlier scan; None where there is none that can be read: it can always be made again."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = dict(file.items())
        return ShaderScan(**content | {name: str(content[name]) for name in ("root", "left_out")})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        logger.warning("%s cannot be read and is made again: %s", path, error)
        return None


def _subject_mtimes(folder: Path) -> list[int]:
    return [_mtime(folder), _mtime(folder / "dressed"), _mtime(folder / "naked")]


def _mtime(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return ABSENT
