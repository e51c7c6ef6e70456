"""Reads the SHADER layout: pairs of a dressed and a naked picture of synthetic people.

    SHADER-r1_1/maleBatch001/0000/dressed/Image0000.png    RGBA; alpha is the dressed silhouette
                                 /naked/Image0000.png      RGBA; alpha is the body's silhouette
                                 /gt0000.pkl               body parameters of every frame

Source: https://github.com/YCL92/SHADER, README of March 2021. Some samples are missing by design.
`shader_truth` reads the body parameters.

H W a picture's size.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from training.datasets.listing import LeftOut, file_of_number, files_by_number, is_hidden
from training.datasets.photo import opened_picture

logger = logging.getLogger(__name__)

BATCH_NAME = re.compile(r"(?:fe)?male[-_ ]?batch\d+", re.IGNORECASE)
PICTURE_NAME = re.compile(r"Image(\d{1,9})\.png", re.IGNORECASE)
USUAL_NAME = "Image{:04d}.png"
KINDS = ("dressed", "naked")


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
        """Unique within a dataset, and independent of the dataset's folder."""
        return f"{self.batch}/{self.name}"


def iter_batches(root: Path, left_out: LeftOut | None = None) -> Iterator[Path]:
    """The batch folders, by name.

    Args:
        root: The folder that holds the batches.
        left_out: Counts other folders that hold samples.

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
    if left_out is not None:
        for folder in other_folders(root):
            left_out.add("folders whose names are not like maleBatch001", folder)
    yield from folders


def other_folders(root: Path) -> list[Path]:
    """Folders that hold samples but have other names than batches, by name."""
    return [
        folder
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        and not is_hidden(folder)
        and not BATCH_NAME.fullmatch(folder.name)
        and any((sample / kind).is_dir() for sample in folder.iterdir() for kind in KINDS)
    ]


def iter_subjects(root: Path, left_out: LeftOut | None = None) -> Iterator[ShaderSubject]:
    """Every sample folder, batch by batch; only folders are read.

    Args:
        root: The folder that holds the batches.
        left_out: Counts the files that are not used; without it they are logged at the end.

    Raises:
        FileNotFoundError: `root` does not exist.
        InvalidInputError: It holds no batch folder.
    """
    counted = LeftOut() if left_out is None else left_out
    for batch in iter_batches(root, counted):
        for folder in subject_folders(batch):
            yield list_subject(folder, counted)
    if left_out is None and counted:
        logger.warning("%s: %s", root, counted)


def subject_folders(batch: Path) -> list[Path]:
    """The sample folders of a batch, by name, without hidden ones."""
    return sorted(f for f in batch.iterdir() if f.is_dir() and not is_hidden(f))


def list_subject(folder: Path, left_out: LeftOut | None = None) -> ShaderSubject:
    """A sample folder and the frames in it.

    Args:
        folder: Of the sample.
        left_out: Counts the pictures that are not used.
    """
    dressed, naked = (list_pictures(folder / kind, left_out) for kind in KINDS)
    if left_out is not None:
        for one, other in ((dressed, naked), (naked, dressed)):
            for number in one.keys() - other.keys():
                left_out.add("pictures without the other of their pair", one[number])
    frames = tuple(sorted(dressed.keys() & naked.keys()))
    return ShaderSubject(folder.parent.name, folder.name, folder, frames)


def list_pictures(folder: Path, left_out: LeftOut | None = None) -> dict[int, Path]:
    """The pictures in a `dressed` or `naked` folder by frame; none without the folder."""
    return files_by_number(folder, PICTURE_NAME, USUAL_NAME, left_out)


def picture_path(folder: Path, kind: str, frame: int) -> Path:
    """The file of a frame's picture, in any case and with any padding of its number.

    Args:
        folder: Of the sample.
        kind: `dressed` or `naked`.
        frame: Its number.
    """
    return file_of_number(folder / kind, PICTURE_NAME, USUAL_NAME, frame)


def read_rgba(path: Path) -> np.ndarray:
    """A four-channel picture, (H, W, 4) uint8; the fourth channel is the silhouette.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be decoded, or has no alpha channel.
    """
    with opened_picture(path) as picture:
        if "A" not in picture.getbands():
            raise InvalidInputError(
                f"{path} is {picture.mode}; a picture with an alpha channel is needed, since alpha "
                "is the silhouette"
            )
        return np.asarray(picture.convert("RGBA"))


def read_pair(folder: Path, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """The dressed and the naked picture of a frame, each (H, W, 4) uint8.

    Args:
        folder: Of the sample.
        frame: Its number.

    Raises:
        FileNotFoundError: One of them does not exist.
        InvalidInputError: One cannot be read, or their sizes differ.
    """
    dressed = read_rgba(picture_path(folder, "dressed", frame))
    naked = read_rgba(picture_path(folder, "naked", frame))
    if dressed.shape != naked.shape:
        raise InvalidInputError(
            f"frame {frame} of {folder.parent.name}/{folder.name}: dressed is {dressed.shape[:2]} "
            f"and naked {naked.shape[:2]}; they must have the same size"
        )
    return dressed, naked
