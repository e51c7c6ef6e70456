"""Finds people in photos with a detector that misses small ones and sees some who are not there.

The photo is looked at whole and in overlapping tiles. Whoever is found is looked at again, nearer,
as they are and mirrored. Only who is found in both, with the same outline and the same joints,
counts; the pixels of all others are doubtful.

H W the photo's size. Boxes as in `training.datasets.boxes`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from model.skeletons import COCO_17_MIRRORED
from training.datasets.boxes import box_of, grown, pixels_of
from training.datasets.coco_keypoints import object_keypoint_similarity
from training.datasets.mediapipe_people import FoundPerson, PeopleDetector

TILES = ((2, 0.6), (3, 0.42))
"""Tiles across and down, and their sides over the photo's: they overlap."""
ZOOM_MARGINS = (0.25, 0.6)
"""What a nearer look shows around a box, over the box's longer side; the next where the first shows
nobody."""
LEAST_MASK_IOU = 0.75
"""Of the masks of two looks at one person."""
LEAST_OKS = 0.5
"""Of the joints in two looks, or of what was found and what somebody marked."""
SEEN = 0.5
"""Least visibility of a joint that is compared."""
SAME_PERSON = 0.5
"""Share of a mask inside another's, from which both are taken to show one person."""
SMALLEST = 24
"""Pixels of the longer side of a box. Smaller people are not looked at."""


class Search(NamedTuple):
    """Who is in a photo."""

    people: list[FoundPerson]
    """Found in every look; the largest first."""
    doubtful: np.ndarray
    """(H, W) bool, where something else was taken for a person."""


def search_people(detect: PeopleDetector, image: np.ndarray) -> Search:
    """Look everywhere, and at everybody twice.

    Args:
        detect: Finds people in a picture.
        image: (H, W, 3) uint8 RGB.
    """
    people: list[FoundPerson] = []
    rejected: list[np.ndarray] = []
    seen, doubtful = (np.zeros(image.shape[:2], bool) for _ in range(2))
    for candidate in candidates(detect, image):
        mask = candidate.mask > 127
        doubtful |= mask
        if _is_inside(mask, seen) or any(mask_iou(mask, r) >= LEAST_MASK_IOU for r in rejected):
            continue

        def likeness(found: FoundPerson, mask: np.ndarray = mask) -> float:
            return mask_iou(found.mask > 127, mask)

        person = look_twice(detect, image, box_of(mask), likeness)
        if person is None or _is_inside(person.mask > 127, seen):
            rejected.append(mask)
        else:
            people.append(person)
            seen |= person.mask > 127
    return Search(people, doubtful & ~seen)


def candidates(detect: PeopleDetector, image: np.ndarray) -> list[FoundPerson]:
    """Everybody in the whole photo and its tiles, several times perhaps; the largest first."""
    found = [person for box in _views(image.shape[:2]) for person in look(detect, image, box)]
    return sorted(found, key=lambda person: -int((person.mask > 127).sum()))


def look(detect: PeopleDetector, image: np.ndarray, box: np.ndarray) -> list[FoundPerson]:
    """The people in a part of a photo, in the photo's coordinates; none without a mask.

    Args:
        detect: Finds people in a picture.
        image: (H, W, 3) uint8 RGB.
        box: What to look at.
    """
    rows, columns = pixels_of(box)
    offset = np.array([columns.start, rows.start, 0], np.float32)
    people = []
    for person in detect(image[rows, columns]):
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[rows, columns] = person.mask
        if (mask > 127).any():
            people.append(FoundPerson(person.keypoints + offset, mask, person.score))
    return people


def look_twice(
    detect: PeopleDetector,
    image: np.ndarray,
    box: np.ndarray,
    likeness: Callable[[FoundPerson], float],
    least_iou: float = LEAST_MASK_IOU,
) -> FoundPerson | None:
    """The mean of a nearer look and of one at its mirror image, if they agree.

    The score is the landmarks' probability times the IoU of the two masks.

    Args:
        detect: Finds people in a picture.
        image: (H, W, 3) uint8 RGB.
        box: Of somebody.
        likeness: How much a person found resembles the one who is meant.
        least_iou: Of the two masks.
    """
    if max(box[2] - box[0], box[3] - box[1]) < SMALLEST:
        return None
    for margin in ZOOM_MARGINS:
        nearer = grown(box, margin, (image.shape[0], image.shape[1]))
        looks = [
            max(_looked(detect, image, nearer, mirrored), key=likeness, default=None)
            for mirrored in (False, True)
        ]
        if looks[0] is not None and looks[1] is not None:
            person = _agreement(looks[0], looks[1], least_iou)
            if person is not None:
                return person
    return None


def _looked(
    detect: PeopleDetector, image: np.ndarray, box: np.ndarray, mirrored: bool
) -> list[FoundPerson]:
    """As `look`, perhaps by way of the mirror image."""
    if not mirrored:
        return look(detect, image, box)
    width = np.float32(image.shape[1])
    opposite = np.array([width - box[2], box[1], width - box[0], box[3]], np.float32)
    return [_mirrored(person) for person in look(detect, image[:, ::-1], opposite)]


def mask_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Of two masks (H, W) bool; 0 for two empty ones."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 0.0


def _agreement(first: FoundPerson, second: FoundPerson, least_iou: float) -> FoundPerson | None:
    iou = mask_iou(first.mask > 127, second.mask > 127)
    truth = first.keypoints.copy()
    truth[np.minimum(truth[:, 2], second.keypoints[:, 2]) < SEEN, 2] = 0
    area = float((first.mask > 127).sum())
    if iou < least_iou or object_keypoint_similarity(second.keypoints, truth, area) < LEAST_OKS:
        return None
    keypoints = (first.keypoints + second.keypoints) / 2
    keypoints[:, 2] = np.minimum(first.keypoints[:, 2], second.keypoints[:, 2])
    mask = ((first.mask.astype(np.uint16) + second.mask) // 2).astype(np.uint8)
    return FoundPerson(keypoints, mask, iou * min(first.score, second.score))


def _mirrored(person: FoundPerson) -> FoundPerson:
    """As the mirror image of the picture shows them."""
    keypoints = person.keypoints[list(COCO_17_MIRRORED)]
    keypoints[:, 0] = person.mask.shape[1] - keypoints[:, 0]
    return FoundPerson(keypoints, person.mask[:, ::-1], person.score)


def _is_inside(mask: np.ndarray, seen: np.ndarray) -> bool:
    pixels = int(mask.sum())
    return int((mask & seen).sum()) >= SAME_PERSON * pixels


def _views(size: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The whole photo, and its tiles."""
    height, width = size
    yield np.array([0, 0, width, height], np.float32)
    for number, share in TILES:
        tall, wide = share * height, share * width
        if max(tall, wide) < 4 * SMALLEST:
            return
        for top in np.linspace(0, height - tall, number):
            for left in np.linspace(0, width - wide, number):
                yield np.array([left, top, left + wide, top + tall], np.float32)
