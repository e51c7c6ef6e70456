import numpy as np
import pytest

from model.body.predictor import BodyPredictor
from training.reconstruction.baselines import (
    BASELINES,
    HEIGHT,
    MEAN,
    REGRESSION,
    SCALED,
    guesses,
    left_out,
    scaled,
    t_pose,
)


def test_a_scaled_body_has_the_measurements_of_its_vertices(tiny_body: BodyPredictor) -> None:
    mean = t_pose(tiny_body, np.zeros(10))
    taller = scaled(mean, 1.9)
    measured = tiny_body.tape.measure(taller.vertices[None])[0]
    assert measured[HEIGHT] == pytest.approx(1.9, abs=1e-5)
    # Where the belly and the buttocks reach furthest is told to 3 mm in a body of any size.
    np.testing.assert_allclose(taller.measured, measured, rtol=5e-3)


def test_each_row_is_predicted_from_the_others(rng: np.random.Generator) -> None:
    inputs = np.column_stack([np.ones(9), rng.normal(size=(9, 2))])
    outputs = inputs @ rng.normal(size=(3, 4))
    np.testing.assert_allclose(left_out(inputs, outputs), outputs, atol=1e-9)
    outputs[4] += 5.0  # is not known when it is predicted
    np.testing.assert_allclose(left_out(inputs, outputs)[4], outputs[4] - 5.0, atol=1e-9)


def test_baselines_know_what_they_say_they_know(
    tiny_body: BodyPredictor, rng: np.random.Generator
) -> None:
    betas = rng.normal(size=(8, 10))
    measured = np.stack([t_pose(tiny_body, row).measured for row in betas])
    found = guesses(tiny_body, betas, measured)(3)
    assert tuple(found) == BASELINES
    np.testing.assert_allclose(
        found[MEAN].vertices, t_pose(tiny_body, np.zeros(10)).vertices, atol=1e-6
    )
    assert found[SCALED].measured[HEIGHT] == pytest.approx(measured[3, HEIGHT])
    # The height is among the regression's inputs, so it is met exactly.
    assert found[REGRESSION].measured[HEIGHT] == pytest.approx(measured[3, HEIGHT], abs=1e-6)
