"""A folder with one person's frames, in the order of time.

    FOLDER/skeletons.npz    `landmarks` (N, 33, 3) or (N, 13, 2): x and y as fractions of each
                            frame's width and height, z as a fraction of its width, NaN where nobody
                            is; `frames` (N,): file names
    FOLDER/frames/*         the pictures; their central squares are used

N frames, S side of the pictures.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from model.errors import InvalidInputError
from model.synthesis.skeletons import Skeletons, in_square
from training.datasets.photo import read_photo
from training.datasets.splits import Split
from training.engine.atomic import replacing

SKELETONS, PICTURES = "skeletons.npz", "frames"
TEST_SHARE = 0.2
"""Of the frames, the last ones in time. Frames drawn at random would have neighbours of a moment
before or after among those that are learned from."""
VALIDATION_SHARE, VALIDATION_BLOCKS = 0.08, 5
"""Of the other frames, in so many blocks."""
LEAST_FRAMES = 20


@dataclass(frozen=True)
class PersonFrames:
    """One person's frames and skeletons."""

    name: str
    """Of the folder."""
    pictures: np.ndarray
    """(N, S, S, 3) uint8 RGB."""
    skeletons: Skeletons
    """Of each frame; everyone is known."""
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def of_split(self, split: Split) -> np.ndarray:
        """Indices of the frames of a split, ascending."""
        return np.flatnonzero(splits_in_time(len(self)) == split)


def splits_in_time(num_frames: int) -> np.ndarray:
    """(N,) the split of each frame: the last fifth is test, blocks of the others validation."""
    splits = np.full(num_frames, "training", dtype="<U10")
    num_first = num_frames - round(TEST_SHARE * num_frames)
    splits[num_first:] = "test"
    length = max(1, round(VALIDATION_SHARE * num_first / VALIDATION_BLOCKS))
    for block in range(VALIDATION_BLOCKS):
        start = round((block + 0.5) * num_first / VALIDATION_BLOCKS)
        splits[start : min(start + length, num_first)] = "validation"
    return splits


def read_landmarks(folder: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Landmarks and file names of all frames.

    Raises:
        FileNotFoundError: There is no such folder, or no `skeletons.npz` in it.
        InvalidInputError: The file is damaged, or its arrays do not fit.
    """
    path = folder / SKELETONS
    try:
        with np.load(path, allow_pickle=False) as content:
            landmarks, names = content["landmarks"].astype(np.float32), content["frames"]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidInputError(f"{path} is no file of landmarks and frames: {error}") from error
    if landmarks.shape[1:] not in ((33, 3), (33, 2), (13, 2)) or names.shape != landmarks.shape[:1]:
        raise InvalidInputError(
            f"{path} has landmarks {landmarks.shape} for {names.shape} frames; (N, 33, 3), "
            "(N, 33, 2) or (N, 13, 2) for (N,) frames is needed"
        )
    return landmarks, tuple(str(name) for name in names)


def write_landmarks(folder: Path, landmarks: np.ndarray, names: tuple[str, ...]) -> None:
    """Write `skeletons.npz`.

    Raises:
        StorageError: The disk is full or read-only.
    """
    with replacing(folder / SKELETONS) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, landmarks=landmarks, frames=np.array(names))


def load_frames(folder: Path, size: int) -> PersonFrames:
    """Read all frames that have a skeleton.

    Args:
        folder: As described above.
        size: S, in pixels.

    Raises:
        FileNotFoundError: A file is missing.
        InvalidInputError: A file is damaged, or there are too few frames with a person.
    """
    landmarks, names = read_landmarks(folder)
    there = np.flatnonzero(np.isfinite(landmarks).all((1, 2)))
    if len(there) < LEAST_FRAMES:
        raise InvalidInputError(
            f"{folder} has {len(there)} frames with a person; at least {LEAST_FRAMES} are needed"
        )
    pictures, squared = [], []
    for number in tqdm(there.tolist(), desc=f"frames of {folder.name}", unit="frame", delay=2):
        image = read_photo(folder / PICTURES / names[number])
        pictures.append(square_picture(image, size))
        squared.append(in_square(landmarks[number], (image.shape[0], image.shape[1])))
    return PersonFrames(
        folder.resolve().name,
        np.stack(pictures),
        Skeletons.of(np.stack(squared)),
        tuple(names[number] for number in there),
    )


def square_picture(image: np.ndarray, size: int) -> np.ndarray:
    """The central square of a picture (H, W, 3), scaled to S pixels: (S, S, 3) uint8."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    inside = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(inside.resize((size, size), Image.Resampling.BILINEAR))
