"""Labelled street photos, packed for quick reading.

H W a photo's size.
"""

import argparse
import hashlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset

from model.clothing.labels import LABELS
from model.errors import InvalidInputError
from training.arguments import at_least, output_folder
from training.clothing.recipe import DataRecipe
from training.datasets.ccp import CcpPhoto, ClothingCoParsing
from training.datasets.ccp_kaggle import CcpKaggle
from training.datasets.packed import PackedPictures, pack
from training.datasets.splits import Split

PACKING_VERSION = 1
"""Raised when photos would be packed differently, so that none are kept from before."""


class LabelledDataset(Protocol):
    """Photos with a label for every pixel, in whichever layout."""

    @property
    def root(self) -> Path:
        """Their folder."""
        ...

    @property
    def label_names(self) -> tuple[str, ...]:
        """In the order of their ids."""
        ...

    @property
    def numbers(self) -> tuple[int, ...]:
        """All photos but the reserved ones."""
        ...

    def numbers_of(self, split: Split) -> tuple[int, ...]:
        """Photos of a split."""
        ...

    def labels_path(self, number: int) -> Path:
        """The file with a photo's labels."""
        ...

    def read(self, number: int) -> CcpPhoto:
        """One photo and its labels."""
        ...


@dataclass(frozen=True)
class LabelledPhotos(Dataset[np.ndarray]):
    """Photos as (H, W, 4): RGB and the label's id."""

    dataset: LabelledDataset
    numbers: tuple[int, ...]
    side: int
    """Longer side at most, in pixels."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> np.ndarray:
        """Decode one photo; the number alone pairs it with its labels."""
        photo = self.dataset.read(self.numbers[place])
        return shrink_labelled(photo.image, photo.labels, self.side)

    def stamps(self) -> list[str]:
        """Other ones mean that a photo or its labels may have changed."""
        files = [self.dataset.labels_path(number).stat() for number in self.numbers]
        changed = [f"{stat.st_size}-{stat.st_mtime_ns}" for stat in files]
        return [str(self.dataset.root.resolve()), str(self.side), *map(str, self.numbers), *changed]


def shrink_labelled(image: np.ndarray, labels: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 4) with at most `side` pixels on the longer side.

    Args:
        image: (H, W, 3) uint8, scaled with antialiasing.
        labels: (H, W) uint8, the label at each new pixel's centre.
        side: In pixels.
    """
    height, width = labels.shape
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smaller = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    ids = Image.fromarray(labels).resize(size, Image.Resampling.NEAREST)
    return np.dstack([np.asarray(smaller), np.asarray(ids)])


def open_photos(recipe: DataRecipe) -> LabelledDataset:
    """The dataset that a recipe names.

    Raises:
        FileNotFoundError: Its folder is not there.
        InvalidInputError: The recipe names none, or its labels are not those of the networks.
    """
    if recipe.photos is None:
        raise InvalidInputError("no photos: name their folder in data.photos, or by --ccp")
    return _open(Path(recipe.photos))


def _open(root: Path) -> LabelledDataset:
    """In the dataset's own layout, or in that of the Kaggle re-pack."""
    dataset: LabelledDataset = (
        CcpKaggle.open(root) if CcpKaggle.is_in(root) else ClothingCoParsing.open(root)
    )
    if dataset.label_names != LABELS:
        raise InvalidInputError(
            f"{dataset.root} has {len(dataset.label_names)} labels "
            f"({', '.join(dataset.label_names[:4])} ...); "
            f"the {len(LABELS)} of Clothing Co-Parsing are needed, in their order"
        )
    return dataset


def packed_photos(recipe: DataRecipe, held_out: bool) -> PackedPictures:
    """The photos to learn from, or the held-out ones to choose by.

    Raises:
        FileNotFoundError: The folder is not there.
        InvalidInputError: It holds no such photos, or one of them cannot be read.
    """
    dataset = open_photos(recipe)
    numbers = dataset.numbers_of("validation" if held_out else "training")
    if not numbers:
        kind = "held-out photo" if held_out else "photo to learn from"
        raise InvalidInputError(f"no {kind} in {recipe.photos}")
    photos = [LabelledPhotos(dataset, numbers, recipe.photo_side)]
    if recipe.tagged is not None and not held_out:
        tagged = _open(Path(recipe.tagged))
        photos.append(LabelledPhotos(tagged, tagged.numbers, recipe.photo_side))
    parts = [str(PACKING_VERSION), *(part for selection in photos for part in selection.stamps())]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    name = "held-out photos" if held_out else "photos"
    # A folder for each selection, so that two experiments do not displace each other's.
    folder = Path(recipe.cache) / f"{name.replace(' ', '-')}-{fingerprint[:12]}"
    joined: ConcatDataset[np.ndarray] = ConcatDataset(photos)
    return pack(len(joined), joined.__getitem__, folder, fingerprint, f"packing {name}")


def count_labels(photos: PackedPictures) -> np.ndarray:
    """(N, 59) int64 pixels of each label in each photo."""
    counts = [
        np.bincount(photos[number][..., 3].ravel(), minlength=len(LABELS))
        for number in range(len(photos))
    ]
    return np.array(counts)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data prepare`."""
    defaults = DataRecipe()
    parser.add_argument("capability", choices=["clothing"], help="what the data is for")
    parser.add_argument("--ccp", required=True, metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument(
        "--tagged", metavar="DIR", help="folder of `data tagged`, to learn from too"
    )
    parser.add_argument(
        "--side",
        type=at_least(32),
        default=defaults.photo_side,
        metavar="PIXELS",
        help="longer side of the packed photos, `data.photo_side` of a recipe (%(default)s)",
    )
    parser.add_argument(
        "--cache",
        type=output_folder,
        default=defaults.cache,
        metavar="DIR",
        help="where packed photos are kept, `data.cache` of a recipe (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Pack what is not packed yet; an interrupted call goes on where it was."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    recipe = DataRecipe(
        photos=args.ccp, tagged=args.tagged, photo_side=args.side, cache=str(args.cache)
    )
    for held_out, use in ((False, "to learn from"), (True, "held out")):
        photos = packed_photos(recipe, held_out)
        sys.stdout.write(f"{len(photos)} photos {use} in {photos.folder}\n")
    return 0
