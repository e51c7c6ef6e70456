import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.reconstruction.crop import MARGIN, Crop, box_around, focal_length

BOXES = {
    "inside": (20, 10, 60, 90),
    "beyond the left and the top": (-30, -20, 25, 40),
    "beyond the right and the bottom": (80, 70, 130, 150),
    "larger than the picture": (-50, -40, 160, 180),
    "wide": (5, 40, 95, 50),
    "one pixel": (50, 50, 51, 51),
}


def around(name: str, size: int = 48) -> Crop:
    return Crop.around(np.array(BOXES[name], np.float32), size)


@pytest.mark.parametrize("name", BOXES)
def test_the_crop_holds_the_box_in_its_middle(name: str) -> None:
    crop = around(name)
    left, top, right, bottom = BOXES[name]
    assert crop.side >= MARGIN * max(right - left, bottom - top)
    middle = (left + right) / 2, (top + bottom) / 2
    assert crop.centre == pytest.approx(middle, abs=0.51)


@given(st.floats(-500, 500), st.floats(-500, 500))
def test_places_over_the_crop_lead_back_to_the_picture(x: float, y: float) -> None:
    crop = Crop(left=-7, top=13, side=61, size=48)
    point = np.array([[x, y]])
    np.testing.assert_allclose(crop.outward(crop.inward(point)), point, atol=1e-9)
    corners = np.array([[-7.0, 13.0], [54.0, 74.0]])
    np.testing.assert_allclose(crop.inward(corners), [[-1, -1], [1, 1]])


@pytest.mark.parametrize("name", BOXES)
def test_a_crop_shows_each_pixel_where_its_place_says(name: str) -> None:
    """A picture whose value is its coordinate, so that the crop must be linear in it."""
    height, width = 100, 120
    crop = around(name)
    picture = np.tile(np.arange(width, dtype=np.float32) + 0.5, (height, 1))
    inside = crop.inside(height, width)[0, 0] == 1
    seen = crop.of(picture, 0.0)[0, 0]
    places = (np.arange(crop.size) + 0.5) * 2 / crop.size - 1
    expected = crop.outward(np.column_stack([places, places]))[:, 0]
    # Antialiasing looks further than a pixel: near the edges it sees what is beyond.
    margin = max(1, int(np.ceil(2 * crop.size / crop.side)))
    for column in range(margin, crop.size - margin):
        rows = inside[:, column - margin : column + margin + 1].all(dim=1)
        found = seen[rows, column].numpy()
        # The picture ends at whole pixels of the input.
        np.testing.assert_allclose(found, expected[column], atol=0.51 + 0.5 * crop.side / crop.size)


@pytest.mark.parametrize("name", BOXES)
def test_what_is_beyond_the_picture_is_marked_and_filled(name: str) -> None:
    crop = around(name)
    picture = np.full((100, 120), 0.25, np.float32)
    inside = crop.inside(100, 120)
    filled = crop.of(picture, 0.75)
    torch.testing.assert_close(filled, 0.75 - 0.5 * inside)
    share = inside.mean().item()
    width = np.clip([crop.left, crop.left + crop.side], 0, 120)
    height = np.clip([crop.top, crop.top + crop.side], 0, 100)
    expected = np.ptp(width) * np.ptp(height) / crop.side**2
    assert share == pytest.approx(expected, abs=0.05)


def test_bytes_become_floats() -> None:
    picture = np.full((100, 120, 3), 51, np.uint8)
    shown = around("one pixel").of(picture, 0.5)
    torch.testing.assert_close(shown, torch.full_like(shown, 0.2))


def test_a_line_of_a_picture_is_seen_as_a_line_and_costs_no_square() -> None:
    """The square of a whole one would have 10^12 pixels."""
    picture = np.full((1_000_000, 16), 0.25, np.float32)
    crop = Crop.around(np.array([0, 0, 16, 1_000_000], np.float32), 48)
    shown = crop.of(picture, 1.0)[0, 0]
    assert (shown != 1).sum(dim=1).max() == 1
    assert (shown != 1).sum() == pytest.approx(48 / MARGIN, abs=1)
    torch.testing.assert_close(shown, 1 - 0.75 * crop.inside(1_000_000, 16)[0, 0])


def test_a_box_around_keypoints_reaches_beyond_them_and_not_beyond_the_picture() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    assert box_around(keypoints, (100, 120)) is None
    keypoints[:3] = [[20, 30, 0.9], [60, 40, 0.5], [40, 95, 0.7]]
    keypoints[3] = [500, 500, 0.9]  # outside of the picture
    box = box_around(keypoints, (100, 120))
    assert box is not None
    left, top, right, bottom = box.tolist()
    assert 0 < left < 20
    assert 0 < top < 30
    assert 60 < right < 120
    assert bottom == 100


def test_a_right_angle_of_view_makes_the_focal_length_half_the_longer_side() -> None:
    assert focal_length((300, 400), 90.0) == pytest.approx(200)
    assert focal_length((400, 300), 90.0) == pytest.approx(200)
    assert focal_length((400, 300), 45.0) > 200
