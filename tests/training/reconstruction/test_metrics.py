import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from model.body.measurements import MEASUREMENTS
from training.reconstruction.metrics import (
    NAMES,
    TPose,
    mpjpe_mm,
    pa_mpjpe_mm,
    pose_errors,
    shape_errors,
    similarity_aligned,
)


@pytest.fixture
def joints(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(24, 3))


def test_mpjpe_does_not_see_where_the_pelvis_is(joints: np.ndarray) -> None:
    assert mpjpe_mm(joints + np.array([1.0, 2.0, 3.0]), joints) == pytest.approx(0, abs=1e-9)
    other = joints.copy()
    other[5] += [0.0, 0.0, 0.24]
    assert mpjpe_mm(other, joints) == pytest.approx(10)


def test_pa_mpjpe_does_not_see_a_similarity(joints: np.ndarray) -> None:
    turn = Rotation.from_rotvec([0.5, -1.0, 0.3])
    moved = 1.7 * turn.apply(joints) + [1.0, 2.0, 3.0]
    assert pa_mpjpe_mm(moved, joints) == pytest.approx(0, abs=1e-9)
    assert mpjpe_mm(moved, joints) > 100


def test_a_mirror_image_is_no_similarity(joints: np.ndarray) -> None:
    assert pa_mpjpe_mm(joints * [-1, 1, 1], joints) > 100


def test_no_other_similarity_is_better(joints: np.ndarray, rng: np.random.Generator) -> None:
    target = joints + rng.normal(0, 0.2, joints.shape)
    best = np.square(similarity_aligned(joints, target) - target).sum()
    for _ in range(200):
        turn = Rotation.from_rotvec(rng.normal(0, 0.05, 3))
        tried = similarity_aligned(joints, target)
        middle = tried.mean(0)
        tried = rng.normal(1, 0.02) * turn.apply(tried - middle) + middle + rng.normal(0, 0.02, 3)
        assert np.square(tried - target).sum() >= best


def test_points_in_one_place_are_moved_to_the_middle(joints: np.ndarray) -> None:
    found = similarity_aligned(np.zeros((24, 3)), joints)
    np.testing.assert_allclose(found, np.tile(joints.mean(0), (24, 1)))


def test_posed_errors_are_about_the_pelvis(rng: np.random.Generator, joints: np.ndarray) -> None:
    vertices = rng.normal(size=(50, 3))
    away = np.array([0.3, 0.0, -2.0])
    errors = pose_errors(vertices + away, joints + away, vertices, joints)
    np.testing.assert_allclose(errors, 0, atol=1e-9)
    assert pose_errors(vertices + away, joints, vertices, joints).pve == pytest.approx(
        1000 * np.linalg.norm(away)
    )


def test_shape_errors_are_of_the_mesh_and_of_each_girth(rng: np.random.Generator) -> None:
    vertices, measured = rng.normal(size=(50, 3)), rng.uniform(1, 2, len(MEASUREMENTS))
    other = measured.copy()
    other[NAMES.index("waist_girth")] -= 0.03
    other[NAMES.index("height")] += 0.02
    found = shape_errors(TPose(1.1 * vertices, other), TPose(vertices, measured))
    assert found.pve_t_sc == pytest.approx(0, abs=1e-9)
    assert found.pve_t == pytest.approx(100 * np.linalg.norm(vertices, axis=1).mean())
    assert found.waist == pytest.approx(30)
    assert found.height == pytest.approx(20)
    assert (found.bust, found.hip) == (0, 0)
