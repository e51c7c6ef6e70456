"""Truth of the maps of people, and their losses against plain sums."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.silhouette.people import NUM_KEYPOINTS, Person
from training.scenes.people_maps import (
    PeopleMaps,
    inside,
    mirrored,
    people_maps,
)
from training.silhouette.losses import box_loss, heat_loss

SIDE, STRIDE = 64, 4
ALL = np.ones((SIDE, SIDE), bool)


def person(left: float, top: float, right: float, bottom: float) -> Person:
    keypoints = np.ones((NUM_KEYPOINTS, 3), np.float32)
    keypoints[:, 0] = np.linspace(left + 1, right - 1, NUM_KEYPOINTS)
    keypoints[:, 1] = np.linspace(top + 1, bottom - 1, NUM_KEYPOINTS)
    return Person(np.array([left, top, right, bottom], np.float32), 1.0, keypoints)


def test_each_keypoint_and_centre_has_one_peak_in_its_cell() -> None:
    one = person(8, 4, 40, 60)
    truth = people_maps([one], ALL)
    peaks = (truth.heat == 1).nonzero().tolist()
    assert len(peaks) == NUM_KEYPOINTS + 1
    for channel, row, column in peaks[:-1]:
        x, y, _ = one.keypoints[channel]
        assert (row, column) == (int(y / STRIDE), int(x / STRIDE))
    assert peaks[-1] == [NUM_KEYPOINTS, 8, 6]


def test_distances_lead_from_the_centre_to_the_sides_of_the_box() -> None:
    truth = people_maps([person(8, 4, 40, 60)], ALL)
    left, top, right, bottom = truth.distances[:, 8, 6].exp().tolist()
    sides = [6.5 - left, 8.5 - top, 6.5 + right, 8.5 + bottom]
    assert [side * STRIDE for side in sides] == pytest.approx([8, 4, 40, 60], abs=1e-3)
    assert int(truth.has_box.sum()) == 9


def test_nothing_is_known_where_a_person_is_too_small() -> None:
    truth = people_maps([person(20, 20, 26, 40)], ALL)
    assert not truth.known[:, 5:10, 5].any()
    assert truth.known[:, 12:].all()
    assert (truth.heat == 0).all()


def test_a_keypoint_without_a_label_is_unknown_in_the_box_alone() -> None:
    one = person(8, 4, 40, 60)
    one.keypoints[3, 2] = -1
    truth = people_maps([one], ALL)
    assert not truth.known[3, 2:14, 3:9].any()
    assert truth.known[3, :, 12:].all()
    assert truth.known[4].all()


def test_pixels_of_unlabelled_people_are_unknown_to_every_map() -> None:
    known = ALL.copy()
    known[:, 50:] = False
    truth = people_maps([person(8, 4, 40, 60)], known)
    assert not truth.known[:, :, 12:].any()
    assert truth.known[:, :, :12].all()


def test_a_mirror_image_exchanges_left_and_right() -> None:
    one = person(8, 4, 40, 60)
    other = mirrored(one, float(SIDE))
    assert other.box.tolist() == [24, 4, 56, 60]
    left_wrist, right_wrist = 9, 10
    assert other.keypoints[left_wrist, 0] == SIDE - one.keypoints[right_wrist, 0]
    np.testing.assert_allclose(mirrored(other, float(SIDE)).keypoints, one.keypoints)


def test_keypoints_beyond_the_picture_are_outside() -> None:
    cut = inside(person(-30, 4, 40, 60), SIDE, SIDE)
    assert cut.box.tolist() == [0, 4, 40, 60]
    assert (cut.keypoints[:, 2] == (cut.keypoints[:, 0] >= 0)).all()


def random_truth() -> tuple[torch.Tensor, PeopleMaps]:
    truth = people_maps([person(8, 4, 40, 60), person(30, 10, 60, 50)], ALL)
    batch = PeopleMaps(*(layer[None] for layer in truth))
    logits = torch.randn(1, NUM_KEYPOINTS + 1, 16, 16, dtype=torch.float64)
    return logits, batch


def test_heat_loss_is_the_sum_over_cells_by_its_definition_for_keypoints_and_for_centres() -> None:
    logits, truth = random_truth()
    known = truth.known.clone()
    known[:, :, :, 3] = False
    total, peaks = [0.0, 0.0], [0, 0]
    for index in np.ndindex(*logits.shape):
        if not known[index]:
            continue
        kind = int(index[1] == NUM_KEYPOINTS)
        found, wanted = 1 / (1 + math.exp(-float(logits[index]))), float(truth.heat[index])
        if wanted == 1:
            peaks[kind] += 1
            total[kind] -= (1 - found) ** 2 * math.log(found)
        else:
            total[kind] -= (1 - wanted) ** 4 * found**2 * math.log(1 - found)
    loss = heat_loss(logits, truth._replace(known=known))
    assert float(loss) == pytest.approx(sum(np.divide(total, peaks)), rel=1e-4)


def test_box_loss_is_zero_for_true_boxes_and_half_for_sides_off_by_its_exponential() -> None:
    _, truth = random_truth()
    assert float(box_loss(truth.distances, truth)) == 0
    assert float(box_loss(truth.distances + 0.5, truth)) == pytest.approx(0.5)


def test_pictures_of_nobody_have_a_finite_loss() -> None:
    truth = PeopleMaps(*(layer[None] for layer in people_maps([], ALL)))
    logits = torch.zeros(1, NUM_KEYPOINTS + 1, 16, 16)
    assert torch.isfinite(heat_loss(logits, truth))
    assert float(box_loss(torch.ones(1, 4, 16, 16), truth)) == 0


def test_people_may_be_labelled_without_keypoints() -> None:
    one = person(8, 4, 40, 60)
    blank = one.keypoints.copy()
    blank[:, 2] = -1
    truth = people_maps([replace(one, keypoints=blank)], ALL)
    assert (truth.heat[:-1] == 0).all()
    assert (truth.heat[-1] == 1).sum() == 1
