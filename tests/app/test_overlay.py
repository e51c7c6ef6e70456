import numpy as np
import pytest

from app.overlay import OPACITY, overlay


@pytest.mark.parametrize("shape", [(1, 1), (2, 70_000), (700, 200)])
def test_a_label_shades_its_pixels_and_label_0_leaves_them(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (19, 3), np.uint8)
    ids = rng.integers(0, 19, shape, np.uint8)
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    shaded = overlay(image, ids, colours)
    expected = (1 - OPACITY) * image + OPACITY * colours[ids]
    # The weights are rounded to 256ths.
    assert np.abs(shaded - expected)[ids != 0].max(initial=0) < 1.1
    np.testing.assert_array_equal(shaded[ids == 0], image[ids == 0])


def test_the_brightest_and_the_darkest_stay_in_range() -> None:
    colours = np.array([[9, 9, 9], [255, 255, 255], [0, 0, 0]], np.uint8)
    ids = np.array([[1, 2]], np.uint8)
    white, black = np.full((1, 2, 3), 255, np.uint8), np.zeros((1, 2, 3), np.uint8)
    assert overlay(white, ids, colours)[0, 0].tolist() == [255, 255, 255]
    assert overlay(black, ids, colours)[0, 1].tolist() == [0, 0, 0]


def test_a_picture_that_may_not_be_written_or_lies_otherwise_in_memory_is_taken() -> None:
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (3, 3), np.uint8)
    ids = rng.integers(0, 3, (8, 5), np.uint8)
    image = rng.integers(0, 256, (3, 5, 8), np.uint8).transpose(2, 1, 0)
    image.setflags(write=False)
    shaded = overlay(image, ids, colours)
    np.testing.assert_array_equal(shaded, overlay(np.ascontiguousarray(image), ids, colours))
    assert shaded.flags.c_contiguous
