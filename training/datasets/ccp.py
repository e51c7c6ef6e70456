"""Reads Clothing Co-Parsing: street-fashion photos with a garment label for every pixel.

    photos/0001.jpg
    annotations/pixel-level/0001.mat    `groundtruth`, (H, W) label ids
    annotations/image-level/1005.mat    `tags`, (1, n) label ids
    label_list.mat                      `label_list`, the labels' names in the order of their ids

Source: Yang, Luo, Lin, Clothing Co-Parsing by Joint Image Segmentation and Labeling, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing (Apache-2.0).

Photos whose numbers end in 7 are reserved and not read. `training.datasets.splits` assigns the
others to splits.

H W a photo's size.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from model.errors import InvalidInputError
from training.datasets import photo
from training.datasets.listing import LeftOut, file_of_number, files_by_number
from training.datasets.splits import Split, is_reserved, photo_split

logger = logging.getLogger(__name__)

PHOTO_NAME = re.compile(r"(\d{1,9})\.(?:jpe?g|png)", re.IGNORECASE)
LABELS_NAME = re.compile(r"(\d{1,9})\.mat", re.IGNORECASE)
USUAL_PHOTO, USUAL_LABELS = "{:04d}.jpg", "{:04d}.mat"


@dataclass(frozen=True)
class CcpPhoto:
    """One photo with its labels."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    labels: np.ndarray
    """(H, W) uint8, ids of `ClothingCoParsing.label_names`."""
    number: int
    """In the collection."""


@dataclass(frozen=True)
class ClothingCoParsing:
    """The photos of one folder that have pixel labels."""

    root: Path
    label_names: tuple[str, ...]
    """In the order of their ids."""
    numbers: tuple[int, ...]
    """Photos with pixel labels that are not reserved, ascending."""

    @classmethod
    def open(cls, root: Path) -> "ClothingCoParsing":
        """List the photos.

        Raises:
            FileNotFoundError: The folder or its list of labels does not exist.
            InvalidInputError: The list of labels cannot be read, or no photo has pixel labels.
        """
        names = read_label_names(root)
        return cls(root, names, _numbers_with(root, "pixel-level", "pixel labels"))

    def label_id(self, name: str) -> int:
        """The id of a label.

        Raises:
            ValueError: There is no such label.
        """
        if name not in self.label_names:
            raise ValueError(f"no label {name!r}; there are {', '.join(self.label_names)}")
        return self.label_names.index(name)

    def numbers_of(self, split: Split) -> tuple[int, ...]:
        """Photos of a split, ascending."""
        return tuple(number for number in self.numbers if photo_split(number) == split)

    def labels_path(self, number: int) -> Path:
        """The file with a photo's labels."""
        return labels_path(self.root / "annotations" / "pixel-level", number)

    def photo_path(self, number: int) -> Path:
        """The file of a photo."""
        return photo_path(self.root, number)

    def read(self, number: int) -> CcpPhoto:
        """One photo and its labels.

        Raises:
            FileNotFoundError: The photo or its labels do not exist.
            InvalidInputError: They cannot be read, differ in size, or hold an unknown label.
            ValueError: It is reserved.
        """
        _refuse_reserved(number)
        image = read_photo(self.root, number)
        labels = self.read_labels(number)
        if labels.shape != image.shape[:2]:
            raise InvalidInputError(
                f"photo {number} is {image.shape[:2]} and its labels {labels.shape}; "
                "they must have the same size"
            )
        return CcpPhoto(image, labels, number)

    def read_labels(self, number: int) -> np.ndarray:
        """(H, W) uint8: one photo's labels without the photo.

        Raises:
            FileNotFoundError: They do not exist.
            InvalidInputError: They cannot be read, or hold an unknown label.
            ValueError: It is reserved.
        """
        _refuse_reserved(number)
        labels = load_mat(self.labels_path(number), "groundtruth")
        if labels.max() >= len(self.label_names):
            raise InvalidInputError(
                f"photo {number} has the label {labels.max()}; "
                f"ids run from 0 to {len(self.label_names) - 1}"
            )
        return labels.astype(np.uint8)


@dataclass(frozen=True)
class TaggedPhoto:
    """One photo and its tags."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    tags: tuple[int, ...]
    """Label ids, ascending, each once."""


@dataclass(frozen=True)
class TaggedPhotos:
    """The photos of one folder that have tags but no pixel labels."""

    root: Path
    label_names: tuple[str, ...]
    """In the order of their ids."""
    numbers: tuple[int, ...]
    """Photos with tags that are not reserved, ascending."""

    @classmethod
    def open(cls, root: Path) -> "TaggedPhotos":
        """List the photos; raises as `ClothingCoParsing.open` does."""
        return cls(root, read_label_names(root), _numbers_with(root, "image-level", "tags"))

    def read(self, number: int) -> TaggedPhoto:
        """One photo and those of its tags that are in the list of labels.

        Raises:
            FileNotFoundError: The photo or its tags do not exist.
            InvalidInputError: They cannot be read.
            ValueError: It is reserved.
        """
        _refuse_reserved(number)
        image = read_photo(self.root, number)
        path = labels_path(self.root / "annotations" / "image-level", number)
        tags = np.unique(load_mat(path, "tags"))
        known = (tags >= 0) & (tags < len(self.label_names))
        return TaggedPhoto(image, tuple(tags[known].astype(int).tolist()))


def _numbers_with(root: Path, level: str, what: str) -> tuple[int, ...]:
    """Numbers of the photos with annotations of a level that are not reserved, ascending."""
    numbers = photos_with_labels(root, root / "annotations" / level)
    if usable := tuple(number for number in numbers if not is_reserved(number)):
        return usable
    raise InvalidInputError(f"{root} holds no photo with {what} in {level}")


def _refuse_reserved(number: int) -> None:
    if is_reserved(number):
        raise ValueError(f"photo {number} is reserved (its number ends in 7)")


def read_label_names(root: Path) -> tuple[str, ...]:
    """The labels' names in the order of their ids.

    Raises:
        FileNotFoundError: The folder or its list of labels does not exist.
        InvalidInputError: The list cannot be read.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    cells = load_mat(root / "label_list.mat", "label_list").ravel()
    return tuple(str(np.asarray(cell).ravel()[0]) if np.size(cell) else "" for cell in cells)


def photos_with_labels(root: Path, folder: Path) -> list[int]:
    """Numbers of the photos with labels in a folder, ascending; logs the files left out."""
    left_out = LeftOut()
    photos = files_by_number(root / "photos", PHOTO_NAME, USUAL_PHOTO, left_out)
    labels = files_by_number(folder, LABELS_NAME, USUAL_LABELS, left_out)
    for number in labels.keys() - photos.keys():
        if not is_reserved(number):
            left_out.add("labels without their photo", labels[number])
    if left_out:
        logger.warning("%s: %s", root, left_out)
    return sorted(photos.keys() & labels.keys())


def photo_path(root: Path, number: int) -> Path:
    """The file of a photo, in any case, with any padding and suffix."""
    return file_of_number(root / "photos", PHOTO_NAME, USUAL_PHOTO, number)


def labels_path(folder: Path, number: int) -> Path:
    """The file of a photo's labels, likewise."""
    return file_of_number(folder, LABELS_NAME, USUAL_LABELS, number)


def read_photo(root: Path, number: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: It does not exist.
        InvalidInputError: It cannot be read.
    """
    return photo.read_photo(photo_path(root, number))


def load_mat(path: Path, key: str) -> np.ndarray:
    """One array of a MATLAB file.

    Raises:
        FileNotFoundError: It does not exist.
        InvalidInputError: It cannot be read, or has no such array.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        content = loadmat(path)
    except (MatReadError, ValueError, NotImplementedError, OSError, TypeError) as error:
        raise InvalidInputError(f"{path} cannot be read as a MATLAB file: {error}") from error
    if key not in content:
        found = ", ".join(name for name in content if not name.startswith("__"))
        raise InvalidInputError(f"{path} has no {key!r}; found {found or 'nothing'}")
    return np.asarray(content[key])
