"""How well people are found in pictures whose people are known: boxes, keypoints, the map.

Source: the average precision of COCO's detection evaluation, cocodataset.org/#detection-eval, at an
IoU of 0.5.

H W a picture's size.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from model.silhouette.people import Person, box_iou
from training.reporting.photo_benchmarks import Number, Numbers
from training.reporting.standard_error import bootstrap_standard_errors
from training.scenes.labelled_picture import RGB, TARGET, LabelledPicture
from training.silhouette.metrics import iou

Find = Callable[[np.ndarray], tuple[np.ndarray, Sequence[Person]]]
"""From (H, W, 3) uint8 RGB to the map, (H, W) in [0, 1], and the people."""
MATCHED_IOU = 0.5
RECALLS = np.linspace(0, 1, 101)
"""At which precisions are averaged."""


class Detections(NamedTuple):
    """The boxes found in one picture, and how many there are to find."""

    scores: tuple[float, ...]
    right: tuple[bool, ...]
    """Whether each is the best one of a person."""
    num_people: int


def known_people(find: Find, pictures: Iterable[LabelledPicture]) -> Numbers:
    """Of pictures of which every pixel and everybody is known.

    `iou` is of the map with the true one, both above a half; `ap50` the average precision of boxes;
    `recall` the share of people who are found; `keypoints` the mean error of the keypoints that are
    seen of them, over the height of the person's box.
    """
    ious: list[float] = []
    detections: list[Detections] = []
    errors: list[tuple[float, int]] = []
    for number, picture in enumerate(pictures):
        confidence, found = find(np.ascontiguousarray(picture.layers[..., RGB]))
        ious.append(iou(confidence > 0.5, picture.layers[..., TARGET] > 127))
        matches = matched(found, picture.people)
        detections.append(detected(found, picture.people, matches))
        errors += [
            (error, number)
            for one, index in zip(found, matches, strict=True)
            if index is not None
            and (error := keypoint_error(one, picture.people[index])) is not None
        ]
    clusters = list(range(len(detections)))

    def of_boxes(counts: np.ndarray) -> list[float]:
        drawn = [one for one, count in zip(detections, counts, strict=True) for _ in range(count)]
        return [average_precision(drawn), recall(drawn)]

    precision, share = of_boxes(np.ones(len(detections), np.int64))
    deviations = bootstrap_standard_errors(of_boxes, clusters, num_draws=200)
    people = sum(one.num_people for one in detections)
    return {
        "iou": Number.of(ious),
        "ap50": Number(precision, deviations[0], people),
        "recall": Number(share, deviations[1], people),
        "keypoints": Number.of([error for error, _ in errors], [cluster for _, cluster in errors]),
    }


def matched(found: Sequence[Person], people: Sequence[Person]) -> list[int | None]:
    """For each box found, by falling score, the person it overlaps most who is not taken yet."""
    taken: set[int] = set()
    matches: list[int | None] = [None] * len(found)
    for place in sorted(range(len(found)), key=lambda place: -found[place].score):
        overlaps = [
            -1.0 if index in taken else box_iou(found[place].box, person.box)
            for index, person in enumerate(people)
        ]
        if overlaps and max(overlaps) >= MATCHED_IOU:
            matches[place] = int(np.argmax(overlaps))
            taken.add(int(np.argmax(overlaps)))
    return matches


def detected(
    found: Sequence[Person], people: Sequence[Person], matches: Sequence[int | None]
) -> Detections:
    """What counts: neither people of a score of 0, nor the boxes that are theirs."""
    counted = [
        (one.score, index is not None)
        for one, index in zip(found, matches, strict=True)
        if index is None or people[index].score > 0
    ]
    return Detections(
        tuple(score for score, _ in counted),
        tuple(right for _, right in counted),
        sum(person.score > 0 for person in people),
    )


def average_precision(detections: Sequence[Detections]) -> float:
    """Mean over recalls of the best precision from that recall up; NaN without people."""
    total = sum(one.num_people for one in detections)
    if not total:
        return float("nan")
    scores = np.array([score for one in detections for score in one.scores])
    right = np.array([is_right for one in detections for is_right in one.right], bool)
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    precisions = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precisions[::-1])[::-1]
    places = np.searchsorted(hits / total, RECALLS, side="left")
    return float(np.mean([best[place] if place < len(best) else 0.0 for place in places]))


def recall(detections: Sequence[Detections]) -> float:
    """Share of the people who are found; NaN without people."""
    total = sum(one.num_people for one in detections)
    return sum(sum(one.right) for one in detections) / total if total else float("nan")


def keypoint_error(found: Person, truth: Person) -> float | None:
    """Mean distance of the seen keypoints over the height of the box; None if none is seen."""
    seen = truth.keypoints[:, 2] == 1
    if not seen.any():
        return None
    distances = np.hypot(*(found.keypoints[seen, :2] - truth.keypoints[seen, :2]).T)
    return float(distances.mean() / max(truth.size[0], 1.0))
