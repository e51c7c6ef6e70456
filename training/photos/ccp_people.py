"""Photos of Clothing Co-Parsing with pixel labels, as photos with everybody in them.

The labels are of one person; bystanders are labelled `null` as the street is. Who else
`data label-photos` has found is added. Where it has found the person beside their labels, nothing
is known.

H W a photo's size.
"""

import numpy as np
from scipy.ndimage import binary_dilation, label

from model.errors import InvalidInputError
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_kaggle import CcpKaggle
from training.datasets.ccp_keypoints import CcpKeypoints
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.splits import Split
from training.photos.boxes import box_of
from training.photos.coco_keypoints import keypoints_of
from training.photos.labelled_photos import LabelledPhoto
from training.photos.photo_label import NOBODY, UNKNOWN_PERSON, LabelledPerson
from training.photos.photo_labels import PhotoLabels

LEAST_ON_NULL = 0.8
"""Share of the pixels of a bystander that are labelled `null`; otherwise it is the person."""
NEAR = 3
"""Pixels around the labelled person that stay as they are labelled."""


class CcpPeople:
    """The labelled person first, with their stored landmarks, then bystanders."""

    def __init__(
        self,
        dataset: ClothingCoParsing | CcpKaggle,
        keypoints: CcpKeypoints,
        split: Split,
        labels: PhotoLabels | None = None,
    ) -> None:
        """List those of a split.

        Args:
            dataset: The photos.
            keypoints: Landmarks of the labelled person.
            split: Which photos.
            labels: What `data label-photos` has found in them; without, there are no bystanders.

        Raises:
            InvalidInputError: There are none.
        """
        self._dataset, self._keypoints, self._labels = dataset, keypoints, labels
        self._digest = keypoints.digest()[:12]
        self._numbers = dataset.numbers_of(split)
        if not self._numbers:
            raise InvalidInputError(f"no {split} photo in {dataset.root}")

    def __len__(self) -> int:
        return len(self._numbers)

    def key(self, index: int) -> str:
        """The photo's number."""
        return f"ccp/{self._numbers[index]:04d}"

    def stamp(self, index: int) -> str:
        """Sizes and times of the photo and its labels, and which landmarks these are.

        Raises:
            FileNotFoundError: A file is not there.
            InvalidInputError: The photo has no label of bystanders.
        """
        number = self._numbers[index]
        files = [self._dataset.photo_path(number), self._dataset.labels_path(number)]
        if self._labels is not None:
            files.append(self._labels.mask_path(self._label_of(number)))
        return f"{file_stamp(*files)} {self._digest}"

    def __getitem__(self, index: int) -> LabelledPhoto:
        """Decode one photo and its labels.

        Raises:
            FileNotFoundError: A file is not there.
            InvalidInputError: One cannot be read, or the landmarks are of another photo.
        """
        number = self._numbers[index]
        photo = self._dataset.read(number)
        size = (photo.labels.shape[0], photo.labels.shape[1])
        person = photo.labels != self._dataset.label_id("null")
        keypoints = keypoints_of(self._keypoints.pose(number, size), size)
        somebody = LabelledPerson(box_of(person), keypoints, 1.0, "labels")
        skin = photo.labels == self._dataset.label_id("skin")
        alone = LabelledPhoto(
            photo.image,
            person.astype(np.uint8),
            person * np.uint8(255),
            (somebody,),
            False,
            skin,
        )
        return alone if self._labels is None else self._with_bystanders(alone, number)

    def _with_bystanders(self, photo: LabelledPhoto, number: int) -> LabelledPhoto:
        assert self._labels is not None
        key = self._label_of(number)
        record, (found, alpha) = self._labels.records[key], self._labels.read_masks(key)
        if found.shape != photo.ids.shape:
            raise InvalidInputError(f"{key} is {photo.ids.shape} and its label {found.shape}")
        return add_bystanders(photo, found, alpha, record.people)

    def _label_of(self, number: int) -> str:
        """Key of a photo's label."""
        assert self._labels is not None
        key = f"{self._dataset.root.resolve().name}/{self._dataset.photo_path(number).name}"
        if key not in self._labels.records:
            raise InvalidInputError(
                f"{self._labels.root} has no label of {key}; python -m training data label-photos "
                f"--photos {self._dataset.root} finds who else is in the photos"
            )
        return key


def add_bystanders(
    photo: LabelledPhoto, found: np.ndarray, alpha: np.ndarray, people: tuple[LabelledPerson, ...]
) -> LabelledPhoto:
    """Those of the people found who are not the labelled person.

    Args:
        photo: With one person.
        found: (H, W) uint8, NOBODY, UNKNOWN_PERSON, or 1 and up for `people`.
        alpha: (H, W) uint8, how surely each pixel shows one of them.
        people: Found in the photo.
    """
    ids, soft, everybody = photo.ids.copy(), photo.alpha.copy(), list(photo.people)
    labelled = photo.ids != NOBODY
    free = ~binary_dilation(labelled, iterations=NEAR)
    for number, person in enumerate(people, 1):
        mask = found == number
        if (mask & ~labelled).sum() >= max(1, LEAST_ON_NULL * mask.sum()):
            everybody.append(person)
            ids[mask & free] = len(everybody)
            soft[mask & free] = alpha[mask & free]
        else:
            # Labels miss whole limbs of some people.
            ids[mask & free] = UNKNOWN_PERSON
    # Rims of bystanders and doubtful findings; the rim of the labelled person touches its labels.
    regions, count = label((found == UNKNOWN_PERSON) & ~labelled)
    touching = np.unique(regions[~free])
    apart = ~np.isin(np.arange(count + 1), [0, *touching.tolist()])
    ids[apart[regions] & (ids == NOBODY)] = UNKNOWN_PERSON
    return LabelledPhoto(photo.image, ids, soft, tuple(everybody), False, photo.skin)
