import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from training.synthesis.similarity import (
    SCALE_WEIGHTS,
    ms_ssim,
    num_scales_of,
    ssim,
)


def slow(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """SSIM, and contrast times structure, of single-channel pictures, as the paper writes them."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(values: np.ndarray) -> np.ndarray:
        both = correlate1d(correlate1d(values, window, 0), window, 1)
        inside: np.ndarray = both[5:-5, 5:-5]
        return inside

    mx, my = blurred(one), blurred(other)
    vx, vy = blurred(one * one) - mx**2, blurred(other * other) - my**2
    vxy = blurred(one * other) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * vxy + c2) / (vx + vy + c2)
    whole = structure * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    return float(whole.mean()), float(structure.mean())


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    one = rng.uniform(0, 1, (48, 40))
    one = correlate1d(correlate1d(one, np.ones(5) / 5, 0), np.ones(5) / 5, 1)
    return one, np.clip(one + rng.normal(0, 0.05, one.shape), 0, 1)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).float()[None, None].expand(1, 3, -1, -1)


def test_ssim_is_that_of_the_paper(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = pictures
    assert float(ssim(tensor(one), tensor(other))) == pytest.approx(slow(one, other)[0], abs=1e-4)
    assert float(ssim(tensor(one), tensor(one))) == pytest.approx(1, abs=1e-5)


def test_ms_ssim_is_the_product_over_the_scales(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = pictures
    weights = np.array(SCALE_WEIGHTS[:2]) / sum(SCALE_WEIGHTS[:2])
    halves = [p.reshape(24, 2, 20, 2).mean((1, 3)) for p in pictures]
    expected = slow(one, other)[1] ** weights[0] * slow(*halves)[0] ** weights[1]
    assert float(ms_ssim(tensor(one), tensor(other))) == pytest.approx(expected, abs=1e-4)


def test_small_pictures_have_fewer_scales() -> None:
    assert [num_scales_of(side) for side in (11, 22, 64, 128, 256)] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="at least 11"):
        ssim(torch.zeros(1, 3, 10, 10), torch.zeros(1, 3, 10, 10))
