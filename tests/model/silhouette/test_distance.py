import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from model.silhouette.distance import squared_distances


def scraps(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A few rectangles with holes, anywhere in the picture."""
    mask = np.zeros((height, width), bool)
    for _ in range(rng.integers(1, 4)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        tall, wide = rng.integers(1, 9, 2)
        mask[top : top + tall, left : left + wide] = rng.random((tall, wide))[
            : height - top, : width - left
        ] < rng.uniform(0.1, 1)
    return mask


@pytest.mark.parametrize("seed", range(60))
def test_distances_equal_those_to_every_pixel_of_the_region(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 50, 2))
    region, asked = scraps(rng, *size), scraps(rng, *size)
    reach = int(rng.integers(1, 80))
    apart = np.argwhere(asked)[:, None] - np.argwhere(region)[None]
    nearest = (apart**2).sum(axis=2).min(axis=1, initial=reach**2)
    np.testing.assert_array_equal(squared_distances(region, asked, reach), nearest)


@pytest.mark.parametrize("reach", [11, 127, 181, 182, 300, 600])
def test_a_reach_of_any_size_is_counted_without_overflow(reach: int) -> None:
    """Numbers as narrow as the reach allows: at these it is about to need wider ones."""
    rng = np.random.default_rng(reach)
    region = rng.random((460, 420)) < 1e-4
    asked = rng.random(region.shape) < 0.9
    exact = np.rint(np.asarray(distance_transform_edt(~region)) ** 2)[asked]
    found = squared_distances(region, asked, reach)
    np.testing.assert_array_equal(found, exact.clip(max=reach**2))


@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_only_above_or_only_beside_is_found_from_afar(turned: bool) -> None:
    region, asked = np.zeros((2, 90, 7), bool)
    region[0, 3], asked[89, 5] = True, True
    if turned:
        region, asked = region.T, asked.T
    np.testing.assert_array_equal(squared_distances(region, asked, 100), [89**2 + 2**2])


def test_without_a_region_everything_is_out_of_reach() -> None:
    region, asked = np.zeros((5, 6), bool), np.ones((5, 6), bool)
    np.testing.assert_array_equal(squared_distances(region, asked, 4), np.full(30, 16))


def test_nothing_asked_is_nothing_answered() -> None:
    region, asked = np.ones((5, 6), bool), np.zeros((5, 6), bool)
    assert squared_distances(region, asked, 4).shape == (0,)
