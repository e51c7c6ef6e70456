"""Measures of found people, against cases that can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from model.silhouette.people import Person
from training.reporting.people_benchmarks import (
    Detections,
    average_precision,
    keypoint_error,
    known_people,
    matched,
    recall,
)
from training.scenes.labelled_picture import NUM_LAYERS, OWNER, TARGET, LabelledPicture


def person(left: float, score: float = 1.0) -> Person:
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, 0], keypoints[:, 1] = left + 5, np.linspace(12, 48, 17)
    return Person(np.array([left, 10, left + 10, 50], np.float32), score, keypoints)


def picture(*people: Person) -> LabelledPicture:
    layers = np.zeros((60, 100, NUM_LAYERS), np.uint8)
    for number, one in enumerate(people, start=1):
        left, top, right, bottom = one.box.astype(int)
        layers[top:bottom, left:right, TARGET] = 255
        layers[top:bottom, left:right, OWNER] = number
    return LabelledPicture(layers, people)


def test_perfect_finds_are_perfect_in_every_number() -> None:
    pictures = [picture(person(10), person(40)), picture(person(70))]
    remaining = iter(pictures)

    def find(_: np.ndarray) -> tuple[np.ndarray, tuple[Person, ...]]:
        truth = next(remaining)
        return truth.layers[..., TARGET] / np.float32(255), truth.people

    numbers = known_people(find, pictures)
    assert {name: number.mean for name, number in numbers.items()} == {
        "iou": 1.0,
        "ap50": 1.0,
        "recall": 1.0,
        "keypoints": 0.0,
    }
    assert numbers["ap50"].num == 3


def test_a_second_box_of_the_same_person_is_wrong() -> None:
    assert matched([person(11, 0.5), person(10, 0.9)], [person(10)]) == [None, 0]


def test_people_of_whom_nothing_counts_make_no_box_wrong() -> None:
    hidden = replace(person(40), score=0.0)

    def find(image: np.ndarray) -> tuple[np.ndarray, tuple[Person, ...]]:
        return np.zeros(image.shape[:2], np.float32), (person(10, 0.9), person(40, 0.95))

    numbers = known_people(find, [picture(person(10), hidden)] * 2)
    assert numbers["ap50"].mean == 1
    assert numbers["ap50"].num == 2


def test_average_precision_is_the_area_under_the_envelope() -> None:
    # Right, wrong, right, of four: precision 1 up to a recall of 1/4, then 2/3 up to 1/2.
    one = Detections((0.9, 0.8, 0.7), (True, False, True), 4)
    expected = (26 * 1 + 25 * 2 / 3) / 101
    assert average_precision([one]) == pytest.approx(expected)
    assert recall([one]) == 0.5


def test_nothing_found_is_zero_and_nobody_there_is_undefined() -> None:
    assert average_precision([Detections((), (), 2)]) == 0
    assert np.isnan(average_precision([Detections((0.9,), (False,), 0)]))


def test_the_error_of_keypoints_is_over_the_height_of_the_box() -> None:
    truth, found = person(10), person(14)
    truth.keypoints[3:, 2] = 0.5
    found.keypoints[3:, :2] += 1000
    assert keypoint_error(found, truth) == pytest.approx(4 / 40)
    truth.keypoints[:, 2] = 0
    assert keypoint_error(found, truth) is None
