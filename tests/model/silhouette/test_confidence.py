import itertools

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from model.errors import InvalidInputError
from model.silhouette.confidence import (
    DEFAULT_SIGMA,
    sigma_for,
    silhouette_confidence,
    silhouette_mask,
    weight_image,
)


def brute_force(naked: np.ndarray, dressed: np.ndarray, sigma: float) -> np.ndarray:
    """The definition, pixel by pixel."""
    body = list(zip(*np.nonzero(naked), strict=True))
    values = np.zeros(naked.shape)
    for y, x in itertools.product(*map(range, naked.shape)):
        if dressed[y, x] and not naked[y, x]:
            nearest = min((y - v) ** 2 + (x - u) ** 2 for v, u in body)
            values[y, x] = np.exp(-nearest / (2 * sigma**2))
    if values.max() > 0:
        values /= values.max()
    return np.where(naked, 1, values.clip(0, 1))


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    naked = np.zeros((24, 19), bool)
    naked[5:20, 7:11] = rng.random((15, 4)) < 0.8
    dressed = np.zeros_like(naked)
    dressed[4:22, 3:15] = rng.random((18, 12)) < 0.9
    return naked, dressed


@pytest.mark.parametrize("sigma", [0.7, 2.0, DEFAULT_SIGMA, 40.0])
def test_it_equals_the_brute_force_definition(
    masks: tuple[np.ndarray, np.ndarray], sigma: float
) -> None:
    found = silhouette_confidence(*masks, sigma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, brute_force(*masks, sigma), atol=1e-6)


def test_it_equals_the_scipy_formula() -> None:
    rows, columns = np.mgrid[0:200, 0:160]
    naked = (rows - 100) ** 2 / 80**2 + (columns - 80) ** 2 / 25**2 < 1
    dressed = (rows - 110) ** 2 / 85**2 + (columns - 78) ** 2 / 50**2 < 1
    cloth = dressed & ~naked
    distance = distance_transform_edt(~naked)
    gaussian = np.exp(-(distance**2) / (2 * 6.0**2)) * cloth
    expected = np.where(naked, 1, np.clip(gaussian / gaussian.max(), 0, 1))
    found = silhouette_confidence(naked, dressed, 6.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-24)  # float32's step below one


def test_what_fades_away_is_zero_only_where_float32_holds_nothing_smaller() -> None:
    naked, dressed = np.zeros((2, 1, 41), bool)
    naked[0, 0], dressed[0] = True, True
    squared = np.arange(1, 41.0) ** 2
    expected = np.exp((1 - squared) / (2 * 2.0**2)).astype(np.float32)
    assert (expected == 0).any()
    np.testing.assert_array_equal(silhouette_confidence(naked, dressed, 2.0)[0, 1:], expected)


@pytest.mark.parametrize("seed", range(40))
def test_wherever_body_and_cloth_lie_it_equals_the_scipy_formula(seed: int) -> None:
    """Scraps of both, near and far, in some rows only one of them, at the edges too."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    naked, dressed = np.zeros((2, height, width), bool)
    for mask in (naked, dressed):
        for _ in range(rng.integers(1, 4)):
            top, left = rng.integers(0, height), rng.integers(0, width)
            tall, wide = rng.integers(1, 12, 2)
            mask[top : top + tall, left : left + wide] = rng.random() < 0.9
    sigma = float(rng.uniform(0.5, 30))
    cloth = dressed & ~naked
    expected = naked.astype(np.float64)
    if naked.any() and cloth.any():
        squared = np.asarray(distance_transform_edt(~naked)) ** 2
        decay = np.exp((squared[cloth].min() - squared) / (2 * sigma**2))
        expected = np.where(cloth, decay, expected)
    np.testing.assert_allclose(silhouette_confidence(naked, dressed, sigma), expected, atol=1e-6)


def test_without_cloth_the_map_is_the_body(masks: tuple[np.ndarray, np.ndarray]) -> None:
    naked, _ = masks
    np.testing.assert_array_equal(silhouette_confidence(naked, naked), naked)


def test_without_a_body_the_map_is_zero(masks: tuple[np.ndarray, np.ndarray]) -> None:
    _, dressed = masks
    assert not silhouette_confidence(np.zeros_like(dressed), dressed).any()


def test_body_outside_of_the_clothes_counts_as_body(masks: tuple[np.ndarray, np.ndarray]) -> None:
    naked, dressed = masks
    outside = naked & ~dressed
    assert outside.any()
    assert (silhouette_confidence(naked, dressed)[outside] == 1).all()


def test_cloth_many_sigmas_away_is_normalised_without_dividing_zero_by_zero() -> None:
    naked, dressed = np.zeros((2, 300, 8), bool)
    naked[0] = True
    dressed[250:] = True
    far = silhouette_confidence(naked, dressed, sigma=1.0)
    assert (far[250] == 1).all()
    assert (far[251:] < 1).all()
    assert np.isfinite(far).all()


@pytest.mark.parametrize(
    "form",
    [
        lambda mask: mask.astype(np.uint8),
        lambda mask: mask.astype(np.uint8) * 255,
        lambda mask: mask.astype(np.float32) * 0.3,
        lambda mask: mask.astype(np.int64)[..., None],
        lambda mask: np.dstack([np.zeros((*mask.shape, 3), np.uint8), mask * np.uint8(255)]),
    ],
    ids=["0/1", "0/255", "soft", "one channel", "RGBA, black inside"],
)
def test_every_stored_form_of_a_mask_means_the_same(form, masks) -> None:  # type: ignore[no-untyped-def]
    naked, dressed = masks
    expected = silhouette_confidence(naked, dressed)
    np.testing.assert_array_equal(silhouette_confidence(form(naked), form(dressed)), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "RGBA"),
        (np.zeros(4), r"\(4,\)"),
        (np.full((4, 4), np.nan), "NaN"),
    ],
    ids=["RGB", "one axis", "NaN"],
)
def test_what_holds_no_silhouette_is_refused(mask: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        silhouette_mask(mask)


def test_masks_of_different_sizes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"\(4, 4\).*\(4, 5\)"):
        silhouette_confidence(np.ones((4, 4)), np.ones((4, 5)))


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_sigma_that_is_not_positive_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        silhouette_confidence(np.ones((4, 4)), np.ones((4, 4)), sigma)


def test_a_relative_sigma_gives_the_same_map_at_twice_the_resolution() -> None:
    rows, columns = np.mgrid[0:64, 0:48]
    naked = (rows - 32) ** 2 / 26**2 + (columns - 24) ** 2 / 8**2 < 1
    dressed = (rows - 34) ** 2 / 28**2 + (columns - 24) ** 2 / 18**2 < 1
    small = silhouette_confidence(naked, dressed, sigma_for(naked.shape))
    twice_naked, twice_dressed = (mask.repeat(2, 0).repeat(2, 1) for mask in (naked, dressed))
    large = silhouette_confidence(twice_naked, twice_dressed, sigma_for(twice_naked.shape))
    assert sigma_for((256, 100)) == DEFAULT_SIGMA
    average = large.reshape(64, 2, 48, 2).mean((1, 3))
    assert np.abs(average - small)[dressed & ~naked].mean() < 0.06


def test_a_weighted_picture_is_the_picture_times_its_confidence() -> None:
    image = np.array([[[255, 51, 0]], [[102, 0, 255]]], np.uint8)
    weighted = weight_image(image, np.array([[0.5], [1.0]], np.float32))
    np.testing.assert_allclose(weighted, [[[0.5, 0.1, 0]], [[0.4, 0, 1]]], atol=1e-7)
    with pytest.raises(InvalidInputError, match="same size"):
        weight_image(image, np.ones((2, 2), np.float32))
