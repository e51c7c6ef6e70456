"""Photos of people from anywhere, with masks of the persons: to measure on, never to learn from.

    photos/1.jpg
    masks/1.png    255 on the person; at the photo's size or another of its proportions

H W a photo's size.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.photo import read_photo

PROPORTIONS = 0.01
"""How far width over height of a mask may be from that of its photo: sizes are whole pixels."""


@dataclass(frozen=True)
class PersonPhoto:
    """A photo and where the person is."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) bool."""


@dataclass(frozen=True)
class PersonPhotos:
    """The photos of one folder."""

    root: Path
    names: tuple[str, ...]
    """Of the photos, without their endings."""

    @classmethod
    def open(cls, root: Path) -> "PersonPhotos":
        """List what is there.

        Raises:
            FileNotFoundError: The folder is not there.
            InvalidInputError: There is no photo, or one has no mask or is there without its mask.
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
            FileNotFoundError: One is not there.
            InvalidInputError: One cannot be read, or their proportions differ.
        """
        photo, mask = self.paths(name)
        image = read_photo(photo)
        try:
            with Image.open(mask) as picture:
                width, height = picture.size
                scaled = picture.convert("L").resize((image.shape[1], image.shape[0]))
        except FileNotFoundError:
            raise
        except (OSError, SyntaxError, ValueError) as error:
            raise InvalidInputError(f"{mask} cannot be read as a picture: {error}") from error
        if abs(width * image.shape[0] / (height * image.shape[1]) - 1) > PROPORTIONS:
            raise InvalidInputError(
                f"{photo} is {image.shape[:2]} and its mask {(height, width)}; "
                "they must have the same proportions"
            )
        return PersonPhoto(image, np.asarray(scaled) > 127)
