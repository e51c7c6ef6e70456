import numpy as np
import pytest

from model.reconstruction.looseness import looseness


def figure(cloth: int) -> np.ndarray:
    """A body 20 wide, with cloth that hangs so many pixels beyond it on either side."""
    confidence = np.zeros((64, 64), np.float32)
    confidence[8:56, 22 - cloth : 42 + cloth] = 0.4
    confidence[8:56, 22:42] = 1
    return confidence


def test_the_wider_the_cloth_the_looser_it_is() -> None:
    found = [looseness(figure(cloth)) for cloth in (0, 2, 5, 10)]
    assert found == sorted(set(found))
    assert found[0] == 0


def test_it_is_the_mean_doubt_of_what_is_shown() -> None:
    pixels = [value for value in figure(5).ravel().tolist() if value >= 0.1]
    expected = sum(4 * value * (1 - value) for value in pixels) / len(pixels)
    assert looseness(figure(5)) == pytest.approx(expected)


def test_a_map_that_shows_nobody_is_all_doubt() -> None:
    assert looseness(np.zeros((4, 4), np.float32)) == 1
