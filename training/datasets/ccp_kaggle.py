"""Reads the Kaggle layout of Clothing Co-Parsing, where labels are coloured pictures.

    class_dict.csv                              class_name,r,g,b
    images/0001.jpg                             in any folder below `images`
    labels/pixel_level_labels_colored/0001.png

Source: https://www.kaggle.com/datasets/balraj98/clothing-coparsing-dataset. A photo and its labels
have the same number in their names, which is the original one. The splits are the original ones.

H W a photo's size.
"""

import csv
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.clothing.labels import LabelScheme
from model.errors import InvalidInputError
from training.datasets.ccp import CcpPhoto, ClothingCoParsing
from training.datasets.listing import LeftOut, is_hidden
from training.datasets.photo import opened_picture, read_photo
from training.datasets.splits import Split, is_reserved, photo_split

logger = logging.getLogger(__name__)

COLOURS = "class_dict.csv"
SUFFIXES = {".jpg", ".jpeg", ".png"}
RENAMED = {"none": "null"}
"""Labels with another name than in the original."""


@dataclass(frozen=True)
class CcpKaggle:
    """The photos of one folder that have coloured labels."""

    root: Path
    scheme: LabelScheme
    """Names, in the order of the original ids, and their colours."""
    files: dict[int, tuple[Path, Path]]
    """Photo and coloured labels by number, ascending, without reserved photos."""

    @staticmethod
    def is_in(root: Path) -> bool:
        """Whether a folder has this layout."""
        return (root / COLOURS).is_file()

    @classmethod
    def open(cls, root: Path) -> "CcpKaggle":
        """List the photos.

        Raises:
            FileNotFoundError: The folder or its list of colours does not exist.
            InvalidInputError: The list cannot be read, two files have the same number, or no photo
                has labels.
        """
        scheme = _read_colours(root / COLOURS)
        left_out = LeftOut()
        photos = _by_number(root / "images", left_out)
        labels = _by_number(root / "labels" / "pixel_level_labels_colored", left_out)
        for number in labels.keys() - photos.keys():
            if not is_reserved(number):
                left_out.add("labels without their photo", labels[number])
        if left_out:
            logger.warning("%s: %s", root, left_out)
        both = sorted(number for number in photos.keys() & labels.keys() if not is_reserved(number))
        if not both:
            raise InvalidInputError(f"{root} holds no photo with coloured labels")
        return cls(root, scheme, {number: (photos[number], labels[number]) for number in both})

    @property
    def label_names(self) -> tuple[str, ...]:
        """In the order of their ids."""
        return self.scheme.labels

    @property
    def numbers(self) -> tuple[int, ...]:
        """Photos with labels that are not reserved, ascending."""
        return tuple(self.files)

    def label_id(self, name: str) -> int:
        """The id of a label.

        Raises:
            ValueError: There is no such label.
        """
        return self.label_names.index(name)

    def photo_path(self, number: int) -> Path:
        """The file of a photo."""
        return self.files[number][0]

    def labels_path(self, number: int) -> Path:
        """The file with a photo's labels."""
        return self.files[number][1]

    def numbers_of(self, split: Split) -> tuple[int, ...]:
        """Photos of a split, ascending."""
        return tuple(number for number in self.files if photo_split(number) == split)

    def read(self, number: int) -> CcpPhoto:
        """One photo and its labels.

        Raises:
            FileNotFoundError: A file does not exist.
            InvalidInputError: One cannot be read, they differ in size, or a colour has no label.
            ValueError: It is reserved.
        """
        if is_reserved(number):
            raise ValueError(f"photo {number} is reserved (its number ends in 7)")
        photo_path, labels_path = self.files[number]
        image = read_photo(photo_path)
        with opened_picture(labels_path) as picture:
            coloured = np.asarray(picture.convert("RGB"))
        if image.shape != coloured.shape:
            raise InvalidInputError(
                f"photo {number} is {image.shape[:2]} and its labels {coloured.shape[:2]}; "
                "they must have the same size"
            )
        try:
            return CcpPhoto(image, self.scheme.encode(coloured), number)
        except InvalidInputError as error:
            raise InvalidInputError(f"{labels_path}: {error}") from error


LabelledPhotos = ClothingCoParsing | CcpKaggle
"""Photos with a label for every pixel, in either layout."""


def open_ccp(root: Path) -> LabelledPhotos:
    """Open a folder in whichever layout it has.

    Raises:
        FileNotFoundError: The folder, or its list of labels, is not there.
        InvalidInputError: The list cannot be read, or no photo has labels.
    """
    return CcpKaggle.open(root) if CcpKaggle.is_in(root) else ClothingCoParsing.open(root)


def _read_colours(path: Path) -> LabelScheme:
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
        names = tuple(row["class_name"].strip() for row in rows)
        levels = np.array([[int(row[channel]) for channel in "rgb"] for row in rows])
        if not rows or levels.min() < 0 or levels.max() > 255:
            raise ValueError("there are no colours, or values outside of 0 to 255")
        names = tuple(RENAMED.get(name, name) for name in names)
        return LabelScheme("coloured", names, levels.astype(np.uint8))
    except KeyError as error:
        raise InvalidInputError(f"{path} has no column {error}") from error
    except (csv.Error, ValueError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{path} cannot be read as a list of colours: {error}") from error


def _by_number(folder: Path, left_out: LeftOut) -> dict[int, Path]:
    """Pictures below a folder by the last number in their names.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: Two have the same number.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    found: dict[int, Path] = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_dir() or any(is_hidden(Path(part)) for part in inner.parts):
            continue
        numbers = re.findall(r"\d+", path.stem)
        if path.suffix.lower() not in SUFFIXES or not numbers:
            left_out.add("files that are not numbered pictures", path)
            continue
        number = int(numbers[-1])
        if number in found:
            raise InvalidInputError(f"{found[number]} and {path} have the same number")
        found[number] = path
    return found
