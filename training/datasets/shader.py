"""The SHADER layout: dressed/naked picture pairs of synthetic people, with their body parameters.

    SHADER-r1_1/maleBatch001/0000/dressed/Image0000.png    RGBA; alpha is the dressed silhouette
                                 /naked/Image0000.png      RGBA; alpha is the body's silhouette
                                 /gt0000.pkl               body parameters of every frame

Source: https://github.com/YCL92/SHADER, README of March 2021. Some samples are
missing there on purpose.

F frames of a subject, H W a picture's size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model.errors import AssetError, InvalidInputError
from training.assets.unpickler import restricted_load

BATCH_NAME = re.compile(r"(?:fe)?male[-_ ]?batch\d+", re.IGNORECASE)
PICTURE_NAME = re.compile(r"Image(\d+)\.png", re.IGNORECASE)


@dataclass(frozen=True)
class ShaderSubject:
    """One synthetic person: a sample folder of a batch."""

    batch: str
    """Folder name of the batch, e.g. `femaleBatch003`."""
    name: str
    """Folder name of the sample, e.g. `0012`."""
    folder: Path
    frames: tuple[int, ...]
    """Numbers of the frames that have both pictures, ascending."""

    @property
    def gender(self) -> str:
        """The word that the batch's name begins with."""
        return "female" if self.batch.lower().startswith("female") else "male"

    @property
    def key(self) -> str:
        """Unique within a dataset, and the same wherever the dataset lies."""
        return f"{self.batch}/{self.name}"


@dataclass(frozen=True)
class ShaderTruth:
    """Body parameters of one person in every frame."""

    betas: np.ndarray
    """(10,) SMPL shape, the same in every frame."""
    poses: np.ndarray
    """(F, 72) SMPL axis-angle, radians, the root first."""
    trans: np.ndarray
    """(F, 3) translation, metres."""
    joints2d: np.ndarray
    """(F, 24, 2) in pixels."""
    joints3d: np.ndarray
    """(F, 24, 3) in metres."""


def iter_batches(root: Path) -> Iterator[Path]:
    """The batch folders, by name.

    Raises:
        FileNotFoundError: `root` does not exist.
        InvalidInputError: It holds no batch folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    folders = sorted(f for f in root.iterdir() if f.is_dir() and BATCH_NAME.fullmatch(f.name))
    if not folders:
        raise InvalidInputError(
            f"{root} holds no batch folder; names such as maleBatch001 or femaleBatch012 are needed"
        )
    yield from folders


def iter_subjects(root: Path) -> Iterator[ShaderSubject]:
    """Every sample folder, batch by batch; nothing is read but folder listings.

    Raises:
        FileNotFoundError: `root` does not exist.
        InvalidInputError: It holds no batch folder.
    """
    for batch in iter_batches(root):
        for folder in subject_folders(batch):
            yield list_subject(folder)


def subject_folders(batch: Path) -> list[Path]:
    """The sample folders of a batch, by name."""
    return sorted(folder for folder in batch.iterdir() if folder.is_dir())


def list_subject(folder: Path) -> ShaderSubject:
    """A sample folder and the frames in it."""
    frames = picture_numbers(folder / "dressed") & picture_numbers(folder / "naked")
    return ShaderSubject(folder.parent.name, folder.name, folder, tuple(sorted(frames)))


def picture_numbers(folder: Path) -> set[int]:
    """Numbers of the frames in a `dressed` or `naked` folder; none where there is no folder."""
    if not folder.is_dir():
        return set()
    matches = (PICTURE_NAME.fullmatch(file.name) for file in folder.iterdir())
    return {int(match.group(1)) for match in matches if match}


def picture_path(folder: Path, kind: str, frame: int) -> Path:
    """Where a frame's picture lies.

    Args:
        folder: The subject's.
        kind: `dressed` or `naked`.
        frame: Its number.
    """
    return folder / kind / f"Image{frame:04d}.png"


def read_rgba(path: Path) -> np.ndarray:
    """A four-channel picture, (H, W, 4) uint8; the fourth channel is the silhouette.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be decoded, or has no alpha channel.
    """
    try:
        with Image.open(path) as picture:
            if "A" not in picture.getbands():
                raise InvalidInputError(
                    f"{path} is {picture.mode}; a picture with an alpha channel is needed, "
                    "since alpha is the silhouette"
                )
            return np.asarray(picture.convert("RGBA"))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as a picture: {error}") from error


def read_pair(subject: ShaderSubject, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """The dressed and the naked picture of a frame, each (H, W, 4) uint8.

    Raises:
        FileNotFoundError: One of them is not there.
        InvalidInputError: One cannot be read, or their sizes differ.
    """
    return read_pair_in(subject.folder, frame)


def read_pair_in(folder: Path, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """The same, of the subject whose folder this is."""
    dressed = read_rgba(picture_path(folder, "dressed", frame))
    naked = read_rgba(picture_path(folder, "naked", frame))
    if dressed.shape != naked.shape:
        raise InvalidInputError(
            f"frame {frame} of {folder.parent.name}/{folder.name}: dressed is {dressed.shape[:2]} "
            f"and naked {naked.shape[:2]}; they must have the same size"
        )
    return dressed, naked


def truth_path(subject: ShaderSubject) -> Path | None:
    """The subject's `gt<sample>.pkl`, or `gt.pkl`; None where there is neither."""
    candidates = (subject.folder / f"gt{subject.name}.pkl", subject.folder / "gt.pkl")
    return next((path for path in candidates if path.is_file()), None)


def read_truth(subject: ShaderSubject) -> ShaderTruth:
    """Body parameters, through the restricted unpickler.

    Raises:
        FileNotFoundError: There is no ground truth.
        AssetError: The pickle is hostile or damaged, or lacks something.
    """
    path = truth_path(subject)
    if path is None:
        raise FileNotFoundError(subject.folder / f"gt{subject.name}.pkl")
    content = restricted_load(path)
    if not isinstance(content, dict):
        raise AssetError(f"{path} holds a {type(content).__name__}; a dict is needed")
    fields = {str(key): value for key, value in content.items()}
    shape_key = "shape" if "shape" in fields else "betas"
    betas = _array(path, fields, shape_key, (-1,))
    if betas.size % 10:
        raise AssetError(f"{path}: {shape_key} has {betas.size} numbers; 10 are needed")
    return ShaderTruth(
        betas=betas[:10],
        poses=_array(path, fields, "poses", (-1, 72)),
        trans=_array(path, fields, "trans", (-1, 3)),
        joints2d=_array(path, fields, "joints2D", (-1, 24, 2)),
        joints3d=_array(path, fields, "joints3D", (-1, 24, 3)),
    )


def _array(path: Path, fields: dict[str, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    if key not in fields:
        raise AssetError(f"{path} has no {key!r}; found {', '.join(sorted(fields))}")
    try:
        array = np.asarray(fields[key], dtype=np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise AssetError(f"{path}: {key!r} does not fit (frames, {shape[1:]}): {error}") from error
    if not np.isfinite(array).all():
        raise AssetError(f"{path}: {key!r} holds NaN or infinity; finite numbers are needed")
    return array
