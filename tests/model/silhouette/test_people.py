"""Boxes and keypoints out of maps, against people whose truth was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.silhouette.lite import PEOPLE_STRIDE
from model.silhouette.people import NUM_KEYPOINTS, Person, box_iou, distinct, find_people
from training.scenes.people_maps import people_maps

SIDE = 256


def person(left: float, top: float, right: float, bottom: float, seed: int = 0) -> Person:
    rng = np.random.default_rng(seed)
    keypoints = np.ones((NUM_KEYPOINTS, 3), np.float32)
    keypoints[:, 0] = rng.uniform(left, right, NUM_KEYPOINTS)
    keypoints[:, 1] = rng.uniform(top, bottom, NUM_KEYPOINTS)
    return Person(np.array([left, top, right, bottom], np.float32), 1.0, keypoints)


def perfect_maps(people: list[Person]) -> np.ndarray:
    truth = people_maps(people, np.ones((SIDE, SIDE), bool))
    heat = truth.heat.clamp(1e-4, 1 - 1e-4).logit()
    return torch.cat([heat, truth.distances]).numpy()


def test_people_are_found_where_they_were_drawn() -> None:
    truth = [person(20, 30, 90, 220), person(120, 100, 170, 230, seed=1)]
    found = find_people(perfect_maps(truth), PEOPLE_STRIDE)
    assert len(found) == 2
    for one in truth:
        (match,) = [other for other in found if box_iou(one.box, other.box) > 0.9]
        apart = np.linalg.norm(match.keypoints[:, :2] - one.keypoints[:, :2], axis=1)
        assert apart.max() < PEOPLE_STRIDE
        assert (match.keypoints[:, 2] > 0.9).all()


def test_a_map_without_peaks_holds_nobody() -> None:
    maps = np.full((NUM_KEYPOINTS + 5, 64, 64), -4.6, np.float32)
    assert find_people(maps, PEOPLE_STRIDE) == []


def test_two_peaks_of_one_box_are_one_person() -> None:
    maps = perfect_maps([person(20, 30, 90, 220)])
    row, column = np.unravel_index(maps[NUM_KEYPOINTS].argmax(), maps.shape[1:])
    maps[NUM_KEYPOINTS, row - 3, column] = 5.0
    left, top, right, bottom = np.exp(maps[NUM_KEYPOINTS + 1 :, row, column])
    maps[NUM_KEYPOINTS + 1 :, row - 3, column] = np.log([left, top - 3, right, bottom + 3])
    assert len(find_people(maps, PEOPLE_STRIDE)) == 1


def test_a_person_who_was_boxed_twice_is_listed_once_by_the_surer_look() -> None:
    doubtful = replace(person(22, 30, 90, 215), score=0.3)
    sure, neighbour = replace(doubtful, score=0.9), replace(person(60, 30, 130, 220), score=0.5)
    assert distinct([doubtful, neighbour, sure]) == [sure, neighbour]


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((20, 20, 30, 30), 0.0)],
)
def test_box_iou_is_shared_area_over_joint_area(other: tuple[float, ...], expected: float) -> None:
    one = np.array([0, 0, 10, 10], np.float32)
    assert box_iou(one, np.array(other, np.float32)) == pytest.approx(expected)


def test_a_moved_person_has_all_points_moved() -> None:
    moved = person(20, 30, 90, 220).moved((2.0, 3.0), (5.0, -7.0))
    assert moved.box.tolist() == [45, 83, 185, 653]
    expected = person(20, 30, 90, 220).keypoints[:, :2] * [2, 3] + [5, -7]
    np.testing.assert_allclose(moved.keypoints[:, :2], expected, rtol=1e-6)
