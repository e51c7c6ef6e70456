import numpy as np
import pytest

from training.assets.joint_regressor import fit_joint_regressor
from training.assets.shape_space import ShapeSpace, fit_shape_space

NUM_BODIES, NUM_VERTICES = 400, 30


@pytest.fixture
def bodies() -> np.ndarray:
    """People who differ in three independent ways, most of all in height."""
    random = np.random.default_rng(0)
    mean = random.normal(size=(NUM_VERTICES, 3))
    mean[:, 1] += np.linspace(0, 10, NUM_VERTICES)
    taller = np.zeros((NUM_VERTICES, 3))
    taller[:, 1] = np.linspace(0, 1, NUM_VERTICES)
    others = 0.1 * random.normal(size=(2, NUM_VERTICES, 3))
    amounts = random.normal(size=(NUM_BODIES, 3))
    people: np.ndarray = mean + np.einsum("bk,kvi->bvi", amounts, np.stack([-taller, *others]))
    return people


def _svd(bodies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = bodies.reshape(len(bodies), -1)
    _, sizes, components = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    return sizes, components


def test_betas_are_principal_components_in_standard_deviations(bodies: np.ndarray) -> None:
    space = fit_shape_space(bodies, 3)
    sizes, components = _svd(bodies)
    for beta in range(3):
        expected = components[beta] * sizes[beta] / np.sqrt(NUM_BODIES - 1)
        found = space.directions[..., beta].ravel()
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(space.explained, sizes[:3] ** 2 / (sizes**2).sum(), atol=1e-12)
    np.testing.assert_allclose(space.mean, bodies.mean(0), atol=1e-12)


def test_one_unit_is_one_standard_deviation_of_the_people(bodies: np.ndarray) -> None:
    betas = fit_shape_space(bodies, 3).project(bodies)
    np.testing.assert_allclose(betas.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(betas.T), np.eye(3), atol=1e-9)


def test_the_first_beta_grows_with_height_and_the_other_signs_are_fixed(
    bodies: np.ndarray,
) -> None:
    for people in (bodies, bodies.mean(0) * 2 - bodies):
        space = fit_shape_space(people, 3)
        heights = np.ptp(people[..., 1], axis=1)
        assert np.corrcoef(space.project(people)[:, 0], heights)[0, 1] > 0.9
        for beta in (1, 2):
            direction = space.directions[..., beta].ravel()
            assert direction[np.abs(direction).argmax()] > 0


def test_bodies_come_back_from_their_betas(bodies: np.ndarray) -> None:
    space = fit_shape_space(bodies[:300], 3)
    rebuilt = space.reconstruct(space.project(bodies[300:]))
    np.testing.assert_allclose(rebuilt, bodies[300:], atol=1e-9)
    coarse = ShapeSpace(space.mean, space.directions[..., :1], space.explained[:1])
    assert np.abs(coarse.reconstruct(coarse.project(bodies)) - bodies).max() > 0.05


def test_too_few_bodies_are_a_mistake(bodies: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3 bodies"):
        fit_shape_space(bodies[:3], 3)


def test_joints_are_regressed_on_people_that_were_not_seen(bodies: np.ndarray) -> None:
    random = np.random.default_rng(1)
    # A joint outside the hull of its neighbours, as the knees of MakeHuman are.
    truth = random.normal(size=(2, NUM_VERTICES))
    truth /= truth.sum(axis=1, keepdims=True)
    joints = np.einsum("jv,bvi->bji", truth, bodies)
    regressor = fit_joint_regressor(bodies[:300], joints[:300], NUM_VERTICES, NUM_VERTICES, 1e-9)
    found = np.einsum("jv,bvi->bji", regressor, bodies[300:])
    np.testing.assert_allclose(found, joints[300:], atol=1e-3)
    np.testing.assert_allclose(regressor.sum(axis=1), 1, atol=1e-9)


def test_a_regressor_looks_at_nearby_vertices_only(bodies: np.ndarray) -> None:
    joints = bodies[:, :1] + [0.01, 0, 0]
    regressor = fit_joint_regressor(bodies, joints, num_nearest=10, num_candidates=5)
    used = np.flatnonzero(regressor[0])
    distances = np.linalg.norm(bodies.mean(0) - joints.mean(0), axis=1)
    assert len(used) == 5
    assert set(used) <= set(np.argsort(distances)[:10])


def test_a_strong_ridge_gives_equal_weights(bodies: np.ndarray) -> None:
    regressor = fit_joint_regressor(bodies, bodies[:, :1], 10, 10, ridge=1e9)
    np.testing.assert_allclose(regressor[regressor != 0], 0.1, atol=1e-6)
