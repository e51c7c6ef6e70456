"""The outer edge and the middle of a garment."""

import numpy as np
import pytest

from training.photos.garments import garment_parts

SIDE, RADIUS = 128, 48


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
    # One 64th of 96 pixels, give or take one: distances run between pixel centres.
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
    strip = (distance <= RADIUS) & (distance > RADIUS - 1)
    assert garment_parts(strip, distance > RADIUS) is None
