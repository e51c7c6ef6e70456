import time

import numpy as np
import pytest
from scipy.spatial.distance import directed_hausdorff

from model.body.metrics import (
    check_metres,
    hausdorff_mm,
    max_error_mm,
    mean_error_mm,
    part_mean_errors_mm,
    pve_t_sc_mm,
    vertex_distances,
)
from model.errors import InvalidInputError


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.normal(size=(50, 3))
    return truth + 0.1 * random.normal(size=(50, 3)), truth


def test_errors_are_those_of_corresponding_vertices() -> None:
    truth = np.zeros((3, 3))
    predicted = np.array([[0.003, 0.004, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -0.010]])
    np.testing.assert_allclose(vertex_distances(predicted, truth), [0.005, 0.0, 0.010])
    assert mean_error_mm(predicted, truth) == pytest.approx(5.0)
    assert max_error_mm(predicted, truth) == pytest.approx(10.0)


def test_a_mesh_has_no_distance_from_itself(pair: tuple[np.ndarray, np.ndarray]) -> None:
    mesh = pair[0].astype(np.float32)
    for metric in (mean_error_mm, max_error_mm, hausdorff_mm, pve_t_sc_mm):
        assert metric(mesh, mesh) == pytest.approx(0, abs=1e-9)


def test_hausdorff_is_what_scipy_says_for_sets_of_different_sizes(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    predicted, truth = pair[0][:30], pair[1]
    expected = max(directed_hausdorff(predicted, truth)[0], directed_hausdorff(truth, predicted)[0])
    assert hausdorff_mm(predicted, truth) == pytest.approx(1000 * expected)


def test_hausdorff_ignores_the_order_and_the_largest_error_does_not(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    _, truth = pair
    assert hausdorff_mm(truth[::-1].copy(), truth) == pytest.approx(0, abs=1e-9)
    assert max_error_mm(truth[::-1].copy(), truth) > 100


def test_hausdorff_is_at_most_the_largest_error(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert hausdorff_mm(*pair) <= max_error_mm(*pair)


@pytest.mark.parametrize("num_equal", [2, 60])
def test_hausdorff_is_that_of_the_sets_however_often_a_vertex_is_repeated(
    pair: tuple[np.ndarray, np.ndarray], num_equal: int
) -> None:
    predicted, truth = (np.repeat(points, num_equal, axis=0) for points in pair)
    expected = max(directed_hausdorff(pair[0], pair[1])[0], directed_hausdorff(pair[1], pair[0])[0])
    assert hausdorff_mm(predicted, truth[::-1]) == pytest.approx(1000 * expected)


def test_hausdorff_of_clouds_that_collapse_takes_no_time() -> None:
    """A tree that holds equal points compares all with all: 24 s for so many."""
    sphere = np.random.default_rng(0).normal(size=(49_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    centre = np.zeros_like(sphere)
    started = time.process_time()
    assert hausdorff_mm(sphere, centre) == pytest.approx(1000)
    assert hausdorff_mm(centre, centre + 0.1) == pytest.approx(100 * 3**0.5)
    assert time.process_time() - started < 3


def test_hausdorff_of_clouds_that_are_hard_to_compare_can_be_ended() -> None:
    """Each point of the sphere is nearly as far from all points of the cluster."""
    random = np.random.default_rng(0)
    sphere = random.normal(size=(20_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    checks: list[float] = []

    def check_cancelled() -> None:
        checks.append(time.thread_time())
        if len(checks) == 8:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        hausdorff_mm(4 * sphere, 0.02 * random.normal(size=(20_000, 3)), check_cancelled)
    assert np.diff(checks).max() < 0.5  # seconds; 0.08 on two cores of 2023


@pytest.mark.parametrize("height", [0.11, 1.7, 9.9])
def test_a_body_of_a_persons_size_is_in_metres(height: float) -> None:
    check_metres(np.array([[5, 5, 5], [5, 5 + height, 5]], np.float32), "predicted")


@pytest.mark.parametrize("height", [0.0, 0.0017, 0.09, 10.1, 170.0, 1700.0])
def test_a_body_of_no_persons_size_is_refused_and_told_that_metres_are_expected(
    height: float,
) -> None:
    with pytest.raises(InvalidInputError, match=r"predicted body .* in metres"):
        check_metres(np.array([[0, 0, 0], [0, height, 0]]), "predicted")


def test_a_body_that_is_no_body_is_refused_before_it_is_measured() -> None:
    with pytest.raises(InvalidInputError, match=r"\(V, 3\) is needed"):
        check_metres(np.zeros((4, 2)), "predicted")
    with pytest.raises(InvalidInputError, match="not finite"):
        check_metres(np.full((4, 3), np.nan), "predicted")


def test_scale_correction_forgives_size_and_place_and_nothing_else(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    predicted, truth = pair
    assert pve_t_sc_mm(3 * truth + [1, -2, 5], truth) == pytest.approx(0, abs=1e-6)
    moved = pve_t_sc_mm(0.2 * predicted + [0, 1, 0], truth)
    assert moved == pytest.approx(pve_t_sc_mm(predicted, truth))
    assert moved > 10
    assert pve_t_sc_mm(truth[:, [1, 0, 2]], truth) > 100


def test_scale_correction_is_the_published_formula(pair: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = pair
    total, centre_p, centre_t = 0.0, predicted.mean(0), truth.mean(0)
    rms_p = np.sqrt(sum(np.dot(p - centre_p, p - centre_p) for p in predicted) / 50)
    rms_t = np.sqrt(sum(np.dot(t - centre_t, t - centre_t) for t in truth) / 50)
    for p, t in zip(predicted, truth, strict=True):
        total += float(np.linalg.norm((p - centre_p) / rms_p * rms_t + centre_t - t))
    assert pve_t_sc_mm(predicted, truth) == pytest.approx(1000 * total / 50)


def test_part_means_are_means_over_their_vertices(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels = np.arange(50) % 3
    labels[labels == 2] = 3
    parts = part_mean_errors_mm(*pair, labels, ("arm", "leg", "tail", "head"))
    assert list(parts) == ["arm", "leg", "head"]
    for index, name in ((0, "arm"), (1, "leg"), (3, "head")):
        chosen = labels == index
        assert parts[name] == pytest.approx(mean_error_mm(pair[0][chosen], pair[1][chosen]))


@pytest.mark.parametrize("metric", [vertex_distances, mean_error_mm, max_error_mm, pve_t_sc_mm])
def test_meshes_of_other_topology_are_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(InvalidInputError, match=r"4 vertices .* 5"):
        metric(np.zeros((4, 3)), np.zeros((5, 3)))


@pytest.mark.parametrize("metric", [mean_error_mm, max_error_mm, hausdorff_mm, pve_t_sc_mm])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_not_finite_or_absurd_are_refused(metric: object, bad: float) -> None:
    assert callable(metric)
    mesh = np.ones((4, 3), np.float32)
    mesh[2, 1] = bad
    with pytest.raises(InvalidInputError, match="ground truth"):
        metric(np.zeros((4, 3)), mesh)
    with pytest.raises(InvalidInputError, match="predicted"):
        metric(mesh, np.zeros((4, 3)))


@pytest.mark.parametrize("shape", [(0, 3), (4, 2), (4,), (1, 4, 3)])
def test_what_is_not_a_list_of_vertices_is_refused(shape: tuple[int, ...]) -> None:
    for metric in (mean_error_mm, hausdorff_mm):
        with pytest.raises(InvalidInputError, match=r"\(V, 3\) is needed"):
            metric(np.zeros(shape), np.zeros(shape))


def test_a_mesh_without_size_cannot_be_scaled() -> None:
    with pytest.raises(InvalidInputError, match="coincide"):
        pve_t_sc_mm(np.ones((4, 3)), np.eye(4, 3))


def test_labels_of_another_mesh_are_refused(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(InvalidInputError, match="50 vertices"):
        part_mean_errors_mm(*pair, np.zeros(49, np.int32), ("all",))
