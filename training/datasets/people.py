"""Reads photos of people with masks of the persons, for evaluation only.

    photos/1.jpg
    masks/1.png    255 on the person; at the photo's size or another of its proportions

H W a photo's size.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from training.datasets.photo import opened_picture, read_photo

PROPORTIONS = 0.01
"""Largest relative difference of the aspect ratios of mask and photo."""


@dataclass(frozen=True)
class PersonPhoto:
    """A photo and the mask of its person."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) bool."""


@dataclass(frozen=True)
class PersonPhotos:
    """The photos of one folder."""

    root: Path
    names: tuple[str, ...]
    """Names of the photos, without suffix."""

    @classmethod
    def open(cls, root: Path) -> "PersonPhotos":
        """List the photos.

        Raises:
            FileNotFoundError: The folder does not exist.
            InvalidInputError: There are no photos, or a photo or a mask is alone.
        """
        if not root.is_dir():
            raise FileNotFoundError(root)
        names, masks = (
            {path.stem for path in (root / folder).glob(pattern)}
            for folder, pattern in (("photos", "*.jpg"), ("masks", "*.png"))
        )
        if not names:
            raise InvalidInputError(f"{root} holds no photos/*.jpg")
        if alone := sorted(names ^ masks):
            raise InvalidInputError(f"{root}: {alone[0]} has a photo or a mask, not both")
        return cls(root, tuple(sorted(names, key=lambda name: (len(name), name))))

    def paths(self, name: str) -> tuple[Path, Path]:
        """The photo's file and the mask's."""
        return self.root / "photos" / f"{name}.jpg", self.root / "masks" / f"{name}.png"

    def read(self, name: str) -> PersonPhoto:
        """One photo and its mask.

        Raises:
            FileNotFoundError: One of them does not exist.
            InvalidInputError: One cannot be read, or their proportions differ.
        """
        photo, mask = self.paths(name)
        image = read_photo(photo)
        with opened_picture(mask) as picture:
            width, height = picture.size
            scaled = picture.convert("L").resize((image.shape[1], image.shape[0]))
        if abs(width * image.shape[0] / (height * image.shape[1]) - 1) > PROPORTIONS:
            raise InvalidInputError(
                f"{photo} is {image.shape[:2]} and its mask {(height, width)}; "
                "they must have the same proportions"
            )
        return PersonPhoto(image, np.asarray(scaled) > 127)
