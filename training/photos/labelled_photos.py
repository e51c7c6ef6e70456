"""Photos with everybody in them, pixel by pixel: one kind of item from every source.

H W a photo's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from model.errors import InvalidInputError
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.splits import Split
from training.photos.body_evidence import body_evidence
from training.photos.photo_folders import PhotoFolder
from training.photos.photo_label import LabelledPerson
from training.photos.photo_labels import PhotoLabels, read_shrunk


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and what is known of the people in it."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    ids: np.ndarray
    """(H, W) uint8: 0 nobody, 255 unknown, else the person's number, from 1."""
    alpha: np.ndarray
    """(H, W) uint8: how surely a pixel shows a person; soft at edges, for cutting people out."""
    people: tuple[LabelledPerson, ...]
    nobody: bool
    """Whether there is surely no person."""
    skin: np.ndarray | None = None
    """(H, W) bool, where a label says skin; None without such labels."""

    def evidence(self) -> np.ndarray:
        """What each pixel says of the body; see `training.photos.body_evidence`."""
        return body_evidence(self.ids, self.people, self.skin)


def each(source: "LabelledPhotoSource") -> Iterator[LabelledPhoto]:
    """The photos of a source one after another."""
    return (source[index] for index in range(len(source)))


class LabelledPhotoSource(Protocol):
    """Labelled photos by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> LabelledPhoto: ...

    def key(self, index: int, /) -> str:
        """Names the photo."""

    def stamp(self, index: int, /) -> str:
        """Another one means that the photo or its label may have changed."""


class LabelledPhotos:
    """Photos with what `data label-photos` has found.

    Those of which nothing is known are left out, and Clothing Co-Parsing's with pixel labels, which
    `training.photos.ccp_people` reads.
    """

    def __init__(
        self,
        labels: Path,
        split: Split | None = None,
        nobody: bool | None = None,
        folder: str | None = None,
        may_be_empty: bool = False,
    ) -> None:
        """List photos in the folders that were labelled.

        Args:
            labels: The folder of labels.
            split: Only of this split.
            nobody: Only photos with nobody, or only photos with people.
            folder: Only of the folder of this name.
            may_be_empty: Whether no photo at all is fine.

        Raises:
            FileNotFoundError: Labels or photos are not there.
            InvalidInputError: The labels are damaged, or no photo is left.
        """
        self._labels = PhotoLabels.load(labels)
        folders = {name: PhotoFolder.open(Path(d)) for name, d in self._labels.folders.items()}
        self._files: dict[str, Path] = {}
        for key, record in self._labels.records.items():
            its_folder = folders[key.partition("/")[0]]
            if (
                (record.people or record.nobody)
                and key not in its_folder.with_pixel_labels
                and (nobody is None or record.nobody == nobody)
                and (folder is None or its_folder.name == folder)
                and (split is None or its_folder.split(key) == split)
            ):
                self._files[key] = its_folder.photos[key]
        self._keys = tuple(self._files)
        if not self._keys and not may_be_empty:
            kind = {None: "photo", True: "photo of nobody", False: "photo of people"}[nobody]
            raise InvalidInputError(f"{labels} has no {kind} for {split or 'any split'}")

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """Folder and file."""
        return self._keys[index]

    def stamp(self, index: int) -> str:
        """Sizes and times of the photo and its masks."""
        key = self._keys[index]
        return file_stamp(self._files[key], self._labels.mask_path(key))

    def __getitem__(self, index: int) -> LabelledPhoto:
        """Decode one photo and its masks.

        Raises:
            FileNotFoundError: A file is not there.
            InvalidInputError: One cannot be read, or the photo has another size than its label.
        """
        key = self._keys[index]
        image, record = read_shrunk(self._files[key]), self._labels.records[key]
        if image.shape[:2] != record.size:
            raise InvalidInputError(
                f"{self._files[key]} is {image.shape[:2]} and its label {record.size}; "
                "the photo has changed since it was labelled"
            )
        ids, alpha = self._labels.read_masks(key)
        return LabelledPhoto(image, ids, alpha, record.people, record.nobody)
