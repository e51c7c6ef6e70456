"""Pairs from rendered people: MediaPipe's pose of each picture beside the exact one.

    OUT/pairs.json                 the settings that decide every pair
    OUT/test/02_05_s000017.npz     one sequence, in the format of `training.pose_depth.pairs`

The split of a sequence follows from the subject of its clip. A sequence in which nobody is found
has a file without frames, so that it is not rendered again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.pose_depth.skeleton import BODY, HIPS
from training.datasets.splits import Split
from training.engine.atomic import write_text
from training.pose_depth.detector import PoseDetector
from training.pose_depth.pairs import PairSequence, hip_centred, write_pairs
from training.pose_depth.rendering import RenderedFrame, SequenceRenderer

SETTINGS_FILE = "pairs.json"
TEST_SUBJECTS = ("02", "09", "10", "12", "14")
"""Subjects of the CMU database (the part of a clip's name before `_`) to report on."""
VALIDATION_SUBJECTS = ("01", "03", "11")
"""Subjects to choose by."""
FARTHEST = 0.15
"""A pose whose keypoints are farther off than this is of something else: the mean distance over the
side of the box around the true ones."""


@dataclass(frozen=True)
class PairSettings:
    """What decides every pair of a folder."""

    seed: int
    side: int
    """Of the pictures, in pixels."""
    frames: int
    """Of a sequence, at most."""
    clips: str
    """Digest of the clips' names and sizes."""
    landmarker: str
    """Digest of the landmarker's file."""


def settings_of(seed: int, side: int, frames: int, cmu: Path, landmarker: Path) -> PairSettings:
    """The settings of a command line.

    Raises:
        FileNotFoundError: A file or folder is not there.
        InvalidInputError: The folder holds no clip.
    """
    if not cmu.is_dir():
        raise FileNotFoundError(cmu)
    names = [f"{path.name} {path.stat().st_size}" for path in sorted(cmu.glob("*.bvh"))]
    if not names:
        raise InvalidInputError(f"{cmu} holds no .bvh file")
    clips = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    return PairSettings(
        seed, side, frames, clips, hashlib.sha256(landmarker.read_bytes()).hexdigest()[:12]
    )


def claim(root: Path, settings: PairSettings) -> None:
    """Begin a folder, or see that it was begun with the same settings.

    Raises:
        InvalidInputError: It was begun with others, or its record is damaged.
    """
    record = root / SETTINGS_FILE
    if not record.exists():
        root.mkdir(parents=True, exist_ok=True)
        write_text(record, json.dumps(asdict(settings), indent=2) + "\n")
        return
    try:
        found = json.loads(record.read_text())
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{record} is damaged: {error}") from error
    if found != asdict(settings):
        raise InvalidInputError(
            f"{root} was made with {found}; it cannot be continued with {asdict(settings)}: "
            "choose another folder or the same settings"
        )


def split_of(clip: str) -> Split:
    """The split of a clip of the CMU database, by its subject."""
    subject = clip.split("_")[0]
    if subject in TEST_SUBJECTS:
        return "test"
    return "validation" if subject in VALIDATION_SUBJECTS else "training"


def is_varied(clip: str) -> bool:
    """Whether poses are varied: those to learn from are; others are as they were recorded."""
    return split_of(clip) == "training"


def done_sequences(root: Path) -> dict[int, Path]:
    """Files by the number of the sequence."""
    return {int(path.stem.rpartition("_s")[2]): path for path in root.glob("*/*_s*.npz")}


def make_sequence(
    root: Path, number: int, settings: PairSettings, renderer: SequenceRenderer, look: PoseDetector
) -> int:
    """Render a sequence, look at it, write it; says how many pairs it has.

    Raises:
        StorageError: The disk is full or read-only.
    """
    clip, frames = renderer.frames(number, settings.frames)
    pairs = pairs_of(f"{clip}_s{number:06d}", frames, look)
    folder = root / split_of(clip)
    folder.mkdir(exist_ok=True)
    write_pairs(folder / f"{pairs.sequence}.npz", pairs)
    return len(pairs)


def pairs_of(name: str, frames: Iterable[RenderedFrame], look: PoseDetector) -> PairSequence:
    """The frames in which the person is found."""
    rows = list(_rows(frames, look))

    def stacked(place: int, shape: tuple[int, ...]) -> np.ndarray:
        array = np.array([row[place] for row in rows], np.float32)
        return array.reshape(len(rows), *shape)

    return PairSequence(
        name,
        corrupted=stacked(0, (17, 3)),
        ground_truth=stacked(1, (17, 3)),
        visibility=stacked(2, (17,)),
        pose_2d=stacked(3, (17, 2)),
        camera_relative=stacked(4, (3,)),
        frame_idx=np.array([row[5] for row in rows], np.int64),
        seconds=np.array([row[6] for row in rows], np.float64),
    )


_Row = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, float]


def _rows(frames: Iterable[RenderedFrame], look: PoseDetector) -> Iterator[_Row]:
    for frame in frames:
        found = look(frame.image)
        if found is None or _distance(found.keypoints, frame.keypoints) > FARTHEST:
            continue
        side = max(frame.image.shape[:2])
        yield (
            hip_centred(found.joints),
            hip_centred(frame.joints),
            found.visibility,
            hip_centred(found.keypoints) / side,
            -frame.joints[list(HIPS)].mean(0),
            frame.frame_idx,
            frame.seconds,
        )


def _distance(found: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of body keypoints (17, 2), over the side of the box around the true ones."""
    body = list(BODY)
    side = max(np.ptp(true[:, 0]), np.ptp(true[:, 1]), 1e-6)
    return float(np.linalg.norm(found[body] - true[body], axis=-1).mean() / side)
