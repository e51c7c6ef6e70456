"""People in the maps of a network: boxes from peaks of the centre map, keypoints inside them.

Sources: Zhou, Wang, Krähenbühl, Objects as Points, arXiv 1904.07850 (peaks in the place of
suppression, keypoints as peaks inside a box); Lin et al., Microsoft COCO, ECCV 2014 (keypoints).

K keypoints, h w the maps' size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy.ndimage import maximum_filter
from scipy.special import expit

from model.skeletons import COCO_17_NAMES

NUM_KEYPOINTS = len(COCO_17_NAMES)
CANDIDATE_SCORE = 0.1
"""Score of the weakest peak of the centre map that is looked at again. The confidence map of a
picture without any is 0."""
LEAST_SCORE = 0.15
"""Score of the most doubtful person who is listed."""
MOST_PEOPLE = 20
"""The people of highest score are kept."""
SAME_PERSON_IOU = 0.6
"""Two boxes that overlap so much are of one person."""
NEAR = 0.1
"""Share of the longer side of a person's box up to which pixels outside may be theirs."""
KEYPOINT_MARGIN = 0.1
"""Keypoints may lie outside the box by this share of its width and height: boxes are inexact."""


@dataclass(frozen=True)
class Person:
    """One person in a picture."""

    box: Float32[np.ndarray, "4"]
    """Left, top, right, bottom in pixels, inside the picture."""
    score: float
    """How surely this is a person, in [0, 1]."""
    keypoints: Float32[np.ndarray, "K 3"]
    """x, y in pixels, and a score in [0, 1], of COCO's 17 keypoints."""

    @property
    def size(self) -> tuple[float, float]:
        """Height and width of the box, in pixels."""
        left, top, right, bottom = self.box.tolist()
        return bottom - top, right - left

    def moved(self, scale: tuple[float, float], offset: tuple[float, float]) -> "Person":
        """The person in other coordinates: each (x, y) times `scale` plus `offset`."""
        factor, shift = np.array(scale, np.float32), np.array(offset, np.float32)
        keypoints = self.keypoints.copy()
        keypoints[:, :2] = keypoints[:, :2] * factor + shift
        return replace(
            self, box=self.box * np.tile(factor, 2) + np.tile(shift, 2), keypoints=keypoints
        )

    def inside(self, height: int, width: int) -> "Person":
        """With the box cut at the edges of a picture."""
        limits = np.array([width, height, width, height], np.float32)
        return replace(self, box=self.box.clip(0, limits))


def find_people(maps: Float[np.ndarray, "C h w"], stride: int) -> list[Person]:
    """People of one picture, those of highest score first, in pixels of the network's input.

    Their scores are at least `CANDIDATE_SCORE`.

    Args:
        maps: As `LiteSilhouette` gives them: logits of keypoints and of centres, then logarithms
            of distances in cells.
        stride: Pixels of the input along each side of a cell.
    """
    heat, centres, distances = np.split(maps, [NUM_KEYPOINTS, NUM_KEYPOINTS + 1])
    heat, scores = expit(heat), expit(centres[0])
    peaks = (scores == maximum_filter(scores, 3, mode="constant")) & (scores >= CANDIDATE_SCORE)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-scores[rows, columns], kind="stable")
    people: list[Person] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        if len(people) == MOST_PEOPLE:
            break
        left, top, right, bottom = np.exp(distances[:, row, column].clip(max=10))
        centre = column + 0.5, row + 0.5
        sides = [centre[0] - left, centre[1] - top, centre[0] + right, centre[1] + bottom]
        box = np.array(sides, np.float32)
        if _is_among(box * stride, people):
            continue
        keypoints = _keypoints_in(heat, box)
        keypoints[:, :2] *= stride
        people.append(Person(box * stride, float(scores[row, column]), keypoints))
    return people


def distinct(people: Sequence[Person]) -> list[Person]:
    """Each person once, those of highest score first.

    The second look may box one person twice.
    """
    kept: list[Person] = []
    for person in sorted(people, key=lambda person: -person.score):
        if not _is_among(person.box, kept):
            kept.append(person)
    return kept


def near(
    people: Sequence[Person], size: tuple[int, int], share: float = NEAR
) -> Bool[np.ndarray, "H W"]:
    """Pixels in people's boxes, which are grown by a share of their longer side.

    Args:
        people: In pixels of the picture.
        size: (height, width) of the picture.
        share: Of the longer side.
    """
    inside = np.zeros(size, bool)
    for person in people:
        margin = share * max(person.size)
        left, top = np.floor(person.box[:2] - margin).clip(0).astype(int).tolist()
        right, bottom = np.ceil(person.box[2:] + margin).astype(int).tolist()
        inside[top:bottom, left:right] = True
    return inside


def box_iou(one: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(sides.clip(0)))
    areas = [float(np.prod((box[2:] - box[:2]).clip(0))) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def _is_among(box: Float[np.ndarray, "4"], people: Sequence[Person]) -> bool:
    return any(box_iou(box, person.box) > SAME_PERSON_IOU for person in people)


def _keypoints_in(
    heat: Float[np.ndarray, "K h w"], box: Float[np.ndarray, "4"]
) -> Float32[np.ndarray, "K 3"]:
    """The highest peak of each keypoint inside a box: x, y in cells, and its score."""
    height, width = heat.shape[1:]
    margin = KEYPOINT_MARGIN * (box[2:] - box[:2])
    first = np.floor(box[:2] - margin).clip(0, [width - 1, height - 1]).astype(int)
    last = np.ceil(box[2:] + margin).clip(first + 1, [width, height]).astype(int)
    part = heat[:, first[1] : last[1], first[0] : last[0]]
    best = part.reshape(len(part), -1).argmax(1)
    rows, columns = np.unravel_index(best, part.shape[1:])
    found = np.empty((len(heat), 3), np.float32)
    for index, (row, column) in enumerate(zip(rows + first[1], columns + first[0], strict=True)):
        x, y = _centroid(heat[index], int(row), int(column))
        found[index] = x, y, heat[index, row, column]
    return found


def _centroid(heat: Float[np.ndarray, "h w"], row: int, column: int) -> tuple[float, float]:
    """x, y in cells of a peak, from the weights of the cells around it."""
    top, left = max(row - 1, 0), max(column - 1, 0)
    around = heat[top : row + 2, left : column + 2]
    rows, columns = np.indices(around.shape)
    total = around.sum()
    return (
        float((around * columns).sum() / total) + left + 0.5,
        float((around * rows).sum() / total) + top + 0.5,
    )
