"""Somebody whose movements are followed: pictures and landmarks of every n-th frame.

N frames, H W a frame's size.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.errors import InvalidInputError
from model.synthesis.skeletons import NUM_LANDMARKS
from model.video import describe_video, read_video
from training.engine.atomic import replacing
from training.photos.mediapipe_people import pose_landmarker

SAVE_EVERY = 50
"""Frames, some seconds of work, that an interruption loses at most."""
Detector = Callable[[np.ndarray], np.ndarray]
"""From (H, W, 3) uint8 RGB to (33, 3) landmarks, NaN where nobody is found."""


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of every n-th frame of a video."""

    numbers: np.ndarray
    """(N,) of the frames."""
    landmarks: np.ndarray
    """(N, 33, 3) float32: x and y as fractions of width and height, z as one of the width."""
    source: str
    """Tells videos, steps and landmarkers apart."""

    def save(self, path: Path) -> None:
        """Write it.

        Raises:
            StorageError: The disk is full or read-only.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, numbers=self.numbers, landmarks=self.landmarks, source=self.source
            )

    @classmethod
    def load(cls, path: Path) -> "Landmarks":
        """Read it.

        Raises:
            InvalidInputError: The file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                return cls(content["numbers"], content["landmarks"], str(content["source"]))
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInputError(f"{path} is no file of landmarks: {error}") from error


@contextmanager
def mediapipe_landmarks(model: Path) -> Iterator[Detector]:
    """Finds one person's landmarks with MediaPipe.

    Args:
        model: The landmarker's `.task` file.

    Raises:
        HabitusError: mediapipe is not installed, or refuses the file.
    """
    with pose_landmarker(model, num_poses=1) as look:

        def detect(image: np.ndarray) -> np.ndarray:
            people = look(image).pose_landmarks
            if not people:
                return np.full((NUM_LANDMARKS, 3), np.nan, np.float32)
            return np.array([(p.x, p.y, p.z) for p in people[0]], np.float32)

        yield detect


def source_of(video: Path, every: int, model: Path) -> str:
    """What decides the landmarks: the video, the step, the landmarker."""
    parts = [video.name, str(video.stat().st_size), str(every)]
    parts.append(hashlib.sha256(model.read_bytes()).hexdigest()[:16])
    return " ".join(parts)


def detect_landmarks(
    video: Path, every: int, detect: Detector, source: str, cache: Path | None = None
) -> Landmarks:
    """Landmarks of every n-th frame; those that the cache holds are not looked for again.

    Args:
        video: The file.
        every: n.
        detect: Finds the person in a frame.
        source: From `source_of`.
        cache: Where they are kept from time to time; nowhere when left out.

    Raises:
        InvalidInputError: The video cannot be read, or the cache is of another one.
    """
    found = Landmarks(np.zeros(0, np.int64), np.zeros((0, NUM_LANDMARKS, 3), np.float32), source)
    if cache is not None and cache.exists():
        found = Landmarks.load(cache)
        if found.source != source:
            raise InvalidInputError(
                f"{cache} holds landmarks of another video, step or landmarker; choose another "
                "folder, or delete the file to begin anew"
            )
    total, _ = describe_video(video)
    numbers, landmarks = found.numbers.tolist(), list(found.landmarks)
    num_done = len(numbers)
    frames = read_video(video, every)
    with tqdm(total=-(-total // every) or None, desc="landmarks", unit="frame") as bar:
        for place, (number, image) in enumerate(frames):
            if place >= num_done:
                numbers.append(number)
                landmarks.append(detect(image))
                if cache is not None and len(numbers) % SAVE_EVERY == 0:
                    _gathered(numbers, landmarks, source).save(cache)
            bar.update()
    whole = _gathered(numbers, landmarks, source)
    if cache is not None:
        whole.save(cache)
    return whole


def given_landmarks(file: Path, video: Path, every: int) -> Landmarks:
    """Those of a file with a row for each frame of the video.

    Args:
        file: NPZ with `landmarks` (M, 33, 3) or (M, 33, 2), or an NPY of such an array.
        video: Whose frames they are of.
        every: Of which frames they are needed.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It holds something else, or too few rows.
    """
    if not file.is_file():
        raise FileNotFoundError(file)
    try:
        content = np.load(file, allow_pickle=False)
        rows = np.asarray(content if isinstance(content, np.ndarray) else content["landmarks"])
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(f"{file} is no file of landmarks: {error}") from error
    if rows.ndim != 3 or rows.shape[1:] not in ((NUM_LANDMARKS, 3), (NUM_LANDMARKS, 2)):
        raise InvalidInputError(f"{file} has landmarks {rows.shape}; (M, 33, 3) is needed")
    numbers = np.array([number for number, _ in read_video(video, every)])
    if len(rows) <= numbers[-1]:
        raise InvalidInputError(
            f"{file} has landmarks of {len(rows)} frames; {video} has more than {numbers[-1]}"
        )
    chosen = rows[numbers].astype(np.float32)
    if chosen.shape[2] == 2:
        chosen = np.concatenate([chosen, np.zeros_like(chosen[..., :1])], -1)
    return Landmarks(numbers, chosen, f"{file.name} {video.name} {every}")


def _gathered(numbers: list[int], landmarks: list[np.ndarray], source: str) -> Landmarks:
    if not numbers:
        raise InvalidInputError("the video has no frame that can be read")
    return Landmarks(np.array(numbers), np.stack(landmarks), source)
