"""The photos of Clothing Co-Parsing that say what is worn, but not where.

    photos/1005.jpg
    annotations/image-level/1005.mat    `tags`, (1, n) label ids

Source, split and licence: `training.datasets.ccp`. A few tags are beyond the list of labels or
given twice; they are left out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from training.datasets.ccp import (
    labels_path,
    load_mat,
    photos_with_labels,
    read_label_names,
    read_photo,
)
from training.datasets.splits import is_reserved


@dataclass(frozen=True)
class TaggedPhoto:
    """One photo and what is in it."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    tags: tuple[int, ...]
    """Label ids, ascending."""


@dataclass(frozen=True)
class TaggedPhotos:
    """The tagged photos of one folder."""

    root: Path
    label_names: tuple[str, ...]
    """In the order of their ids."""
    numbers: tuple[int, ...]
    """Photos with tags that are not reserved, ascending."""

    @classmethod
    def open(cls, root: Path) -> "TaggedPhotos":
        """List what is there.

        Raises:
            FileNotFoundError: The folder or its list of labels is not there.
            InvalidInputError: The list of labels cannot be read, or no photo has tags.
        """
        names = read_label_names(root)
        folder = root / "annotations" / "image-level"
        numbers = tuple(n for n in photos_with_labels(root, folder) if not is_reserved(n))
        if not numbers:
            raise InvalidInputError(f"{root} holds no photo with tags in {folder.name}")
        return cls(root, names, numbers)

    def read(self, number: int) -> TaggedPhoto:
        """One photo and its tags.

        Raises:
            FileNotFoundError: The photo or its tags are not there.
            InvalidInputError: They cannot be read.
            ValueError: It is reserved.
        """
        if is_reserved(number):
            raise ValueError(f"photo {number} is reserved (its number ends in 7)")
        image = read_photo(self.root, number)
        path = labels_path(self.root / "annotations" / "image-level", number)
        tags = np.unique(load_mat(path, "tags"))
        known = (tags >= 0) & (tags < len(self.label_names))
        return TaggedPhoto(image, tuple(tags[known].astype(int).tolist()))
