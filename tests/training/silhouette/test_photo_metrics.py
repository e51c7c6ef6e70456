import json

import numpy as np
import pytest

from training.silhouette.photo_metrics import (
    PhotoScore,
    PhotoTotals,
    garment_parts,
    score_photo,
)

SIDE, RADIUS = 128, 40


@pytest.fixture
def distance() -> np.ndarray:
    """Of each pixel from the middle of the photo."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    found: np.ndarray = np.hypot(rows, columns)
    return found


def test_a_round_garments_edge_is_its_rim_and_its_middle_the_inner_quarter(
    distance: np.ndarray,
) -> None:
    garment = distance <= RADIUS
    parts = garment_parts(garment, ~garment)
    assert parts is not None
    edge, middle = parts
    # One 64th of 128 pixels, give or take one: distances run between pixel centres.
    assert edge[(distance <= RADIUS) & (distance > RADIUS - 1)].all()
    assert not edge[distance < RADIUS - 3].any()
    # A quarter of a disc's area lies within half of its radius.
    assert middle[distance < RADIUS / 2 - 1].all()
    assert not middle[distance > RADIUS / 2 + 1].any()


def test_seams_and_the_photos_border_are_no_outer_edge() -> None:
    background, garment = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    background[:, :20] = True
    garment[:100, 20:] = True  # what is below it is another garment; it is cut off on the right
    parts = garment_parts(garment, background)
    assert parts is not None
    edge, middle = parts
    assert np.flatnonzero(edge.any(0)).tolist() == [20, 21]
    assert middle[:100, -20:].all()


def test_a_garment_without_both_parts_says_nothing(distance: np.ndarray) -> None:
    garment = distance <= RADIUS
    nothing = np.zeros_like(garment)
    assert garment_parts(nothing, ~garment) is None
    assert garment_parts(garment, nothing) is None
    assert garment_parts(garment, distance > RADIUS + 10) is None  # a skirt under a coat
    strip = (distance <= RADIUS) & (distance > RADIUS - 2)
    assert garment_parts(strip, distance > RADIUS) is None


def test_photos_are_counted_by_whether_their_edge_is_less_sure(distance: np.ndarray) -> None:
    garment = distance <= RADIUS
    fading = np.where(garment, 1 - distance / RADIUS, 0)
    nothing = np.zeros_like(garment)
    totals = PhotoTotals()
    for predicted in (fading, fading, np.where(garment, distance / RADIUS, 0)):
        totals.add(score_photo(predicted, nothing, ~garment, garment))
    totals.add(score_photo(fading, nothing, ~garment, nothing))
    totals.add(score_photo(fading, nothing, nothing, garment))
    summary = totals.summary()
    assert summary["garment_photos"] == 3
    assert summary["garment_unclear"] == 1
    assert summary["garment_edge_lower"] == pytest.approx(2 / 3)
    assert summary["median_garment_edge"] < 0.1
    assert summary["median_garment_middle"] == pytest.approx(2 / 3, abs=0.02)


def test_photo_scores_are_medians_over_photos_and_the_person_is_all_but_null() -> None:
    totals = PhotoTotals()
    skin = np.array([[True, False, False, False]])
    background = np.array([[False, False, True, True]])
    person, street = [], []
    for value in (0.2, 0.8, 0.9):
        predicted = np.array([[value, 0.5, 0.1, value / 2]])
        score = score_photo(predicted, skin, background, np.zeros_like(skin))
        totals.add(PhotoScore.from_json(json.loads(json.dumps(score.as_json()))))
        person += [value, 0.5]
        street += [0.1, value / 2]
        assert score.contrast == pytest.approx(value - (0.1 + value / 2) / 2)
    summary = totals.summary()
    assert summary["photos"] == 3
    assert summary["median_skin"] == pytest.approx(0.8)
    assert summary["median_background"] == pytest.approx((0.1 + 0.4) / 2)
    pairs = [(p > s) + 0.5 * (p == s) for p in person for s in street]
    assert summary["auroc"] == pytest.approx(np.mean(pairs))
    assert np.isnan(summary["garment_edge_lower"])


def test_a_photo_without_skin_is_not_ranked() -> None:
    everywhere = np.ones((4, 4), bool)
    assert score_photo(np.zeros((4, 4)), ~everywhere, everywhere, ~everywhere).contrast is None
