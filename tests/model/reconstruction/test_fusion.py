import numpy as np
import pytest

from model.reconstruction.fusion import fused
from model.reconstruction.gaussian import ShapeGaussian


def photos(truth: np.ndarray, stds: list[float], rng: np.random.Generator) -> list[ShapeGaussian]:
    """Posteriors of one person under the standard normal prior, from independent errors."""
    found = []
    for std in stds:
        seen = truth + std * rng.normal(size=len(truth))
        variance = 1 / (1 + 1 / std**2)
        found.append(ShapeGaussian(variance * seen / std**2, variance * np.eye(len(truth))))
    return found


def test_independent_photos_are_fused_as_one_look_at_all_of_them() -> None:
    rng = np.random.default_rng(0)
    truth, stds = rng.normal(size=3), [0.5, 0.8, 0.3]
    found = photos(truth, stds, rng)
    # Bayes with all observations at once: their precisions and the prior's add up.
    precision = 1 + sum(1 / std**2 for std in stds)
    pulls = sum(one.mean * (1 + 1 / std**2) for one, std in zip(found, stds, strict=True))
    together = fused(found, error_correlation=0.0)
    np.testing.assert_allclose(together.mean, pulls / precision)
    np.testing.assert_allclose(together.covariance, np.eye(3) / precision)


def test_a_photo_alone_stays_what_it_is() -> None:
    one = ShapeGaussian(np.array([0.3, -1.0]), np.diag([0.2, 1.5]))
    assert fused([one], 0.5) is one


@pytest.mark.parametrize("count", [2, 5])
def test_photos_whose_errors_are_the_same_say_no_more_than_one(count: int) -> None:
    one = ShapeGaussian(np.array([0.3, -1.0]), np.array([[0.2, 0.05], [0.05, 0.4]]))
    together = fused([one] * count, error_correlation=1.0)
    np.testing.assert_allclose(together.mean, one.mean)
    np.testing.assert_allclose(together.covariance, one.covariance)


def test_the_more_the_errors_have_in_common_the_less_more_photos_add() -> None:
    rng = np.random.default_rng(1)
    found = photos(rng.normal(size=2), [0.5] * 4, rng)
    stds = [np.sqrt(fused(found, r).covariance[0, 0]) for r in (0.0, 0.3, 0.7, 1.0)]
    assert stds == sorted(stds)
    alone = np.sqrt(found[0].covariance[0, 0])
    assert stds[0] < 0.6 * alone
    assert stds[-1] == pytest.approx(alone)


def test_the_surer_photo_counts_more() -> None:
    sure = ShapeGaussian(np.array([1.0]), np.array([[0.05]]))
    unsure = ShapeGaussian(np.array([-1.0]), np.array([[0.8]]))
    assert fused([sure, unsure], 0.0).mean[0] > 0.8


def test_five_photos_of_many_people_are_nearer_to_the_truth_than_one() -> None:
    rng = np.random.default_rng(2)
    errors: dict[int, list[float]] = {1: [], 5: []}
    for _ in range(200):
        truth = rng.normal(size=4)
        found = photos(truth, [0.7] * 5, rng)
        for count, of_count in errors.items():
            of_count.append(np.square(fused(found[:count], 0.0).mean - truth).mean())
    assert np.mean(errors[5]) < 0.4 * np.mean(errors[1])
