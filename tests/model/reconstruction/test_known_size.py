import numpy as np
import pytest
import torch

from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyParameters, BodyPredictor
from model.reconstruction.gaussian import ShapeGaussian, seen_in_part
from model.reconstruction.known_size import BodySize, conditioned

HEIGHT, MASS = ([row.name for row in MEASUREMENTS].index(name) for name in ("height", "mass"))


@pytest.fixture(scope="module")
def size(tiny_body: BodyPredictor) -> BodySize:
    return BodySize(tiny_body.smpl)


def shape(seed: int = 0, std: float = 0.5) -> ShapeGaussian:
    rng = np.random.default_rng(seed)
    return ShapeGaussian(rng.normal(0, 0.5, 10), std**2 * np.diag(rng.uniform(0.5, 1.5, 10)))


def measured(body: BodyPredictor, betas: np.ndarray) -> tuple[float, float]:
    [mesh] = body.predict_batch([BodyParameters(betas.astype(np.float32))])
    row = body.tape.measure(mesh.vertices[None])[0]
    return float(row[HEIGHT]), float(row[MASS])


def test_sizes_are_those_of_the_tape(tiny_body: BodyPredictor, size: BodySize) -> None:
    betas = shape().mean.astype(np.float32)
    found = size.measure(torch.from_numpy(betas)[None])[0].tolist()
    assert found == pytest.approx(measured(tiny_body, betas), rel=1e-4)
    assert size.heights(betas[None])[0] == pytest.approx(found[0])


def test_slopes_are_those_of_small_steps(size: BodySize) -> None:
    betas = shape().mean
    _, slopes = size.linearised(betas)
    for beta in range(10):
        step = np.zeros(10)
        step[beta] = 1e-2
        ahead, behind = (size.linearised(betas + sign * step)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, beta], (ahead - behind) / 2e-2, rtol=0.05, atol=2e-2)


@pytest.mark.parametrize("seed", range(3))
def test_a_taller_known_height_gives_a_taller_body_of_that_height(
    tiny_body: BodyPredictor, size: BodySize, seed: int
) -> None:
    wanted = np.arange(1.5, 2.01, 0.05)
    found = [
        measured(tiny_body, conditioned(shape(seed), size, height_m=height).mean)[0]
        for height in wanted
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert (np.diff(found) > 0).all()


def test_height_and_weight_known_together_are_both_met(
    tiny_body: BodyPredictor, size: BodySize
) -> None:
    height, mass = measured(tiny_body, shape().mean)
    both = conditioned(shape(), size, height_m=height + 0.05, weight_kg=mass * 1.05)
    found = measured(tiny_body, both.mean)
    assert found[0] == pytest.approx(height + 0.05, abs=1e-3)
    # A weight is known less exactly than shape and height may say otherwise.
    assert abs(found[1] - mass * 1.05) < abs(mass * 1.05 - mass)


def test_what_is_known_makes_the_shape_surer_and_never_less_sure(size: BodySize) -> None:
    before = shape()
    _, slopes = size.linearised(before.mean)
    for known in ({"height_m": 1.75}, {"weight_kg": 60.0}, {"height_m": 1.75, "weight_kg": 60.0}):
        after = conditioned(before, size, **known)
        values = np.linalg.eigvalsh(before.covariance - after.covariance)
        assert values.min() > -1e-9
        assert np.linalg.eigvalsh(after.covariance).min() > 0
    tall = conditioned(before, size, height_m=1.75)
    height_std = np.sqrt(slopes[0] @ tall.covariance @ slopes[0])
    assert height_std < 0.006


def test_what_agrees_already_changes_nothing(tiny_body: BodyPredictor, size: BodySize) -> None:
    before = shape()
    height, _ = measured(tiny_body, before.mean)
    after = conditioned(before, size, height_m=height)
    np.testing.assert_allclose(after.mean, before.mean, atol=2e-3)
    assert conditioned(before, size) is before


def test_a_body_seen_in_part_is_less_sure_and_one_not_seen_is_as_unsure_as_the_prior() -> None:
    before = shape(std=0.3)
    half, none, whole = (seen_in_part(before, share) for share in (0.5, 0.0, 1.0))
    np.testing.assert_allclose(whole.covariance, before.covariance, rtol=1e-9)
    np.testing.assert_allclose(none.covariance, np.eye(10), atol=1e-9)
    stds = [np.sqrt(np.diag(one.covariance)) for one in (whole, half, none)]
    assert (stds[0] < stds[1]).all()
    assert (stds[1] < stds[2]).all()
    wide = ShapeGaussian(np.zeros(2), np.diag([2.0, 0.1]))
    assert np.sqrt(np.diag(seen_in_part(wide, 0.2).covariance))[0] == pytest.approx(np.sqrt(2))
