"""What is known of the people in one photo, pixel by pixel, from every source that is there.

Sources of a person's pixels: polygons that somebody drew, and MediaPipe's masks. A mask of
MediaPipe counts where two looks agree (`training.photos.people_search`) and, in photos with
labels of their own, where it fits them. Pixels about which sources differ are unknown.

H W the photo's size.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from model.silhouette.people import box_iou
from model.skeletons import COCO_17_NAMES
from training.photos.boxes import box_area, box_of, grown, pixels_of
from training.photos.coco_keypoints import NUM_KEYPOINTS, object_keypoint_similarity
from training.photos.known_people import KnownPeople, KnownPerson, outline_mask
from training.photos.mediapipe_people import FoundPerson, PeopleDetector
from training.photos.people_search import (
    LEAST_OKS,
    SAME_PERSON,
    candidates,
    look_twice,
    search_people,
)

NOBODY, UNKNOWN_PERSON = 0, 255
"""In a map of person numbers."""
MOST_PEOPLE = 254
LEAST_BOX_IOU = 0.6
"""Of the box that somebody marked and that of a mask."""
LEAST_MARKED_IOU = 0.5
"""Of the masks of two looks at somebody who is marked: that person is there."""
LEAST_MARKED = 4
"""Keypoints that must be marked for them to be compared."""
BOX_MARGIN = 0.05
"""How much a marked box is grown, over its longer side: boxes are inexact."""
SURE = (64, 191)
"""A soft mask up to the first is background, from the second the person, between unknown."""
SEEN_ANKLE = 0.5
"""Least visibility of both ankles for MediaPipe's mask to end where the person does. Below, hems of
long skirts are missing."""
BELOW = 0.15
"""What is unknown below and above the lower end of such a mask, over its height."""
OUTLINE_BLUR = 0.01
"""Width of a polygon's edge, over the longer side of its box."""

_ANKLES = [COCO_17_NAMES.index(f"{side}_ankle") for side in ("left", "right")]


@dataclass(frozen=True)
class LabelledPerson:
    """One person in a photo."""

    box: np.ndarray
    """(4,) float32, xyxy in pixels."""
    keypoints: np.ndarray
    """(17, 3) float32, as in `training.photos.coco_keypoints`."""
    score: float
    """In [0, 1]; 1 for a person whom somebody marked."""
    source: str
    """Of the pixels: `outline`, `mediapipe`, both joined by `+`; `box` where unknown."""


@dataclass(frozen=True)
class PhotoLabel:
    """What is known of a photo."""

    ids: np.ndarray
    """(H, W) uint8: NOBODY, UNKNOWN_PERSON, or 1 and up for the persons in their order."""
    alpha: np.ndarray
    """(H, W) uint8: 255 where a mask or an outline shows a person, softly at its edge; 0 elsewhere,
    also where `ids` says UNKNOWN_PERSON for want of a mask."""
    people: tuple[LabelledPerson, ...]
    nobody: bool
    """Whether there is surely no person."""


@dataclass
class _Evidence:
    size: tuple[int, int]
    people: list[LabelledPerson] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    """(H, W) uint8 for each person."""
    disputed: list[np.ndarray] = field(default_factory=list)
    """(H, W) bool: unknown whatever the masks say."""
    doubtful: list[np.ndarray] = field(default_factory=list)
    """(H, W) bool: unknown where no mask says anything."""


def label_photo(image: np.ndarray, known: KnownPeople | None, detect: PeopleDetector) -> PhotoLabel:
    """Combine what the photo's labels say and what is found.

    Without labels, the photo is unknown where nobody is found, else whatever is not a person or
    doubtful is background.

    Args:
        image: (H, W, 3) uint8 RGB.
        known: The photo's own labels.
        detect: Finds people in a picture.
    """
    size = (image.shape[0], image.shape[1])
    if known is not None and known.nobody:
        empty = np.zeros(size, np.uint8)
        return PhotoLabel(empty, empty, (), True)
    evidence = _Evidence(size)
    if known is None:
        search = search_people(detect, image)
        for found in search.people[:MOST_PEOPLE]:
            _add(evidence, box_of(found.mask > 127), found.keypoints, found, None)
        evidence.doubtful.append(search.doubtful if search.people else np.ones(size, bool))
    else:
        for person in known.people[:MOST_PEOPLE]:
            _add_known(evidence, image, person, detect)
        evidence.doubtful += [_filled(_in_pixels(box, size), size) for box in known.crowds]
        evidence.doubtful += _unmarked(evidence, candidates(detect, image), known)
    return _combined(evidence)


def _add_known(
    evidence: _Evidence, image: np.ndarray, person: KnownPerson, detect: PeopleDetector
) -> None:
    size = evidence.size
    box = _in_pixels(person.box, size)
    keypoints = np.zeros((NUM_KEYPOINTS, 3), np.float32)
    if person.keypoints is not None:
        keypoints = person.keypoints * np.array([size[1], size[0], 1], np.float32)

    def likeness(found: FoundPerson) -> float:
        return box_iou(box_of(found.mask > 127), box)

    found = look_twice(detect, image, box, likeness, LEAST_MARKED_IOU)
    if found is not None and not _fits(found, box, keypoints):
        found = None
    if person.keypoints is None and found is not None:
        keypoints = found.keypoints
    outline = outline_mask(person, size) if person.outline else None
    _add(evidence, box, keypoints, found, outline, marked=True)


def _fits(found: FoundPerson, box: np.ndarray, keypoints: np.ndarray) -> bool:
    """Whether what was found is whom somebody marked."""
    if box_iou(box_of(found.mask > 127), box) < LEAST_BOX_IOU:
        return False
    if (keypoints[:, 2] > 0).sum() < LEAST_MARKED:
        return True
    # COCO's areas are of the person, about half of the box.
    similarity = object_keypoint_similarity(found.keypoints, keypoints, box_area(box) / 2)
    return similarity >= LEAST_OKS


def _add(
    evidence: _Evidence,
    box: np.ndarray,
    keypoints: np.ndarray,
    found: FoundPerson | None,
    outline: np.ndarray | None,
    marked: bool = False,
) -> None:
    """One person more.

    Args:
        evidence: Of the photo.
        box: Of the person.
        keypoints: Likewise.
        found: What MediaPipe says, if it can be trusted.
        outline: (H, W) bool, what somebody drew.
        marked: Whether the box is somebody's; a mask does not reach out of it.
    """
    inside = _filled(grown(box, BOX_MARGIN, evidence.size), evidence.size)
    if outline is not None:
        sigma = max(0.7, OUTLINE_BLUR * float(max(box[2] - box[0], box[3] - box[1])))
        mask = gaussian_filter(outline * np.float32(255), sigma).astype(np.uint8)
        if found is not None:
            evidence.disputed.append((outline != (found.mask > 127)) & inside)
    elif found is not None:
        mask = np.where(inside, found.mask, np.uint8(0)) if marked else found.mask
        evidence.doubtful.append((found.mask > SURE[0]) & ~inside)
        if found.keypoints[_ANKLES, 2].min() < SEEN_ANKLE:
            evidence.doubtful.append(_lower_end(mask))
    else:
        mask = np.zeros(evidence.size, np.uint8)
        evidence.doubtful.append(inside)
    sources = {"outline": outline, "mediapipe": found}
    source = "+".join(name for name, value in sources.items() if value is not None) or "box"
    score = found.score if found is not None and not marked else 1.0
    evidence.people.append(LabelledPerson(box, keypoints, score, source))
    evidence.masks.append(mask)


def _unmarked(
    evidence: _Evidence, found: list[FoundPerson], known: KnownPeople
) -> list[np.ndarray]:
    """Masks of people whom nobody has marked."""
    marked = np.zeros(evidence.size, bool)
    for box in (*(person.box for person in known.people), *known.crowds):
        marked |= _filled(
            grown(_in_pixels(box, evidence.size), BOX_MARGIN, evidence.size), marked.shape
        )
    masks = [person.mask > 127 for person in found]
    return [mask for mask in masks if (mask & marked).sum() < SAME_PERSON * mask.sum()]


def _combined(evidence: _Evidence) -> PhotoLabel:
    ids = np.full(evidence.size, NOBODY, np.uint8)
    alpha = np.zeros(evidence.size, np.uint8)
    for number, mask in enumerate(evidence.masks, 1):
        ids[mask > alpha] = number
        alpha = np.maximum(alpha, mask)
    ids[alpha <= SURE[0]] = NOBODY
    ids[(alpha > SURE[0]) & (alpha < SURE[1])] = UNKNOWN_PERSON
    for region in evidence.doubtful:
        ids[region & (ids == NOBODY)] = UNKNOWN_PERSON
    for region in evidence.disputed:
        ids[region] = UNKNOWN_PERSON
    return PhotoLabel(ids, alpha, tuple(evidence.people), False)


def _lower_end(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: around the lower end of a mask, (H, W) uint8."""
    left, top, right, bottom = box_of(mask > 127).tolist()
    reach = BELOW * (bottom - top)
    limits = np.array([mask.shape[1], mask.shape[0]] * 2, np.float32)
    box = np.array([left - reach, bottom - reach, right + reach, bottom + reach], np.float32)
    return _filled(box.clip(0, limits), mask.shape)


def _in_pixels(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A box in shares of the photo as one in its pixels, cut at the border."""
    limits = np.array([size[1], size[0]] * 2, np.float32)
    scaled: np.ndarray = (box * limits).clip(0, limits).astype(np.float32)
    return scaled


def _filled(box: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: the pixels of a box."""
    mask = np.zeros(size, bool)
    mask[pixels_of(box)] = True
    return mask
