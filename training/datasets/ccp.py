"""Clothing Co-Parsing: street-fashion photos with a garment label for every pixel.

    photos/0001.jpg
    annotations/pixel-level/0001.mat    `groundtruth`, (H, W) label ids
    label_list.mat                      `label_list`, the labels' names in the order of their ids

Source: Yang, Luo, Lin, Clothing Co-Parsing by Joint Image Segmentation and Labeling, CVPR 2014;
https://github.com/bearpaw/clothing-co-parsing (Apache-2.0).

Numbers that end in 7 are the project's test photos: they never leave this reader. The others are
split here, once for all capabilities.

H W a photo's size.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from model.errors import InvalidInputError
from training.datasets import photo

SPLIT_SEED = "habitus-ccp-1"
VALIDATION_FRACTION = 0.1


@dataclass(frozen=True)
class CcpPhoto:
    """One photo with its labels."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    labels: np.ndarray
    """(H, W) uint8, ids of `ClothingCoParsing.label_names`."""


@dataclass(frozen=True)
class ClothingCoParsing:
    """The photos of one folder that have pixel labels."""

    root: Path
    label_names: tuple[str, ...]
    """In the order of their ids."""
    numbers: tuple[int, ...]
    """Photos with pixel labels that are not test photos, ascending."""

    @classmethod
    def open(cls, root: Path) -> "ClothingCoParsing":
        """List what is there.

        Raises:
            FileNotFoundError: The folder or its list of labels is not there.
            InvalidInputError: The list of labels cannot be read, or no photo has pixel labels.
        """
        names = read_label_names(root)
        folder = root / "annotations" / "pixel-level"
        numbered = sorted(int(file.stem) for file in folder.glob("*.mat") if file.stem.isdigit())
        numbers = tuple(
            n for n in numbered if not is_test(n) and (root / "photos" / f"{n:04d}.jpg").is_file()
        )
        if not numbers:
            raise InvalidInputError(f"{root} holds no photo with pixel labels in {folder.name}")
        return cls(root, names, numbers)

    def label_id(self, name: str) -> int:
        """The id of a label.

        Raises:
            ValueError: There is no such label.
        """
        if name not in self.label_names:
            raise ValueError(f"no label {name!r}; there are {', '.join(self.label_names)}")
        return self.label_names.index(name)

    def training_numbers(self) -> tuple[int, ...]:
        """Photos to learn from."""
        return tuple(number for number in self.numbers if not is_validation(number))

    def validation_numbers(self) -> tuple[int, ...]:
        """Photos to choose checkpoints and report numbers by; about a tenth."""
        return tuple(number for number in self.numbers if is_validation(number))

    def labels_path(self, number: int) -> Path:
        """The file with a photo's labels."""
        return self.root / "annotations" / "pixel-level" / f"{number:04d}.mat"

    def read(self, number: int) -> CcpPhoto:
        """One photo and its labels.

        Raises:
            FileNotFoundError: The photo or its labels are not there.
            InvalidInputError: They cannot be read, differ in size, or hold an unknown label.
            ValueError: It is a test photo.
        """
        _refuse_test(number)
        image = read_photo(self.root, number)
        labels = self.read_labels(number)
        if labels.shape != image.shape[:2]:
            raise InvalidInputError(
                f"photo {number} is {image.shape[:2]} and its labels {labels.shape}; "
                "they must have the same size"
            )
        return CcpPhoto(image, labels)

    def read_labels(self, number: int) -> np.ndarray:
        """(H, W) uint8: one photo's labels without the photo.

        Raises:
            FileNotFoundError: They are not there.
            InvalidInputError: They cannot be read, or hold an unknown label.
            ValueError: It is a test photo.
        """
        _refuse_test(number)
        folder = self.root / "annotations" / "pixel-level"
        labels = load_mat(folder / f"{number:04d}.mat", "groundtruth")
        if labels.max() >= len(self.label_names):
            raise InvalidInputError(
                f"photo {number} has the label {labels.max()}; "
                f"ids run from 0 to {len(self.label_names) - 1}"
            )
        return labels.astype(np.uint8)


def is_test(number: int) -> bool:
    """Whether a photo is kept for the final test."""
    return number % 10 == 7


def _refuse_test(number: int) -> None:
    if is_test(number):
        raise ValueError(f"photo {number} is a test photo (its number ends in 7)")


def is_validation(number: int) -> bool:
    """Whether a photo is kept from training; fixed by the number alone, whatever else is there."""
    if is_test(number):
        return False
    digest = hashlib.sha256(f"{SPLIT_SEED}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < VALIDATION_FRACTION * 2**64


def read_label_names(root: Path) -> tuple[str, ...]:
    """The labels' names in the order of their ids.

    Raises:
        FileNotFoundError: The folder or its list of labels is not there.
        InvalidInputError: The list cannot be read.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    cells = load_mat(root / "label_list.mat", "label_list").ravel()
    return tuple(str(np.asarray(cell).ravel()[0]) if np.size(cell) else "" for cell in cells)


def read_photo(root: Path, number: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: The photo is not there.
        InvalidInputError: It cannot be read.
    """
    return photo.read_photo(root / "photos" / f"{number:04d}.jpg")


def load_mat(path: Path, key: str) -> np.ndarray:
    """One array of a MATLAB file.

    Raises:
        FileNotFoundError: The file is not there.
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
