"""Fits of the mannequin, whose truth is known, from starts that are wrong as a network's are."""

import pytest
import torch
from torch import Tensor

from model.body.predictor import BodyPredictor
from model.body.rotation import (
    axis_angle_to_matrix,
    matrix_to_rotation_6d,
    rotation_6d_to_matrix,
)
from model.reconstruction.body_points import BodyPoints, sparsified
from model.reconstruction.checkpoint import Regressor
from model.reconstruction.decode import Cameras, posed
from model.reconstruction.observations import Observed
from model.reconstruction.refine import Fit, Refiner, spread_vertices

NUM = 6
SIDE = 48


@pytest.fixture(scope="module")
def points(tiny_body: BodyPredictor, tiny_regressor: Regressor) -> BodyPoints:
    others = spread_vertices(tiny_body.smpl.v_template, 100)
    return BodyPoints(tiny_body.smpl, tiny_regressor.keypoint_weights, others)


def drawn(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator)


def cameras() -> Cameras:
    return Cameras(
        torch.full((NUM,), 400.0),
        torch.full((NUM, 2), 160.0),
        torch.full((NUM, 2), 160.0),
        torch.full((NUM,), 260.0),
    )


@pytest.fixture(scope="module")
def truth() -> Fit:
    generator = torch.Generator().manual_seed(3)
    rotations = axis_angle_to_matrix(0.15 * drawn(generator, NUM, 24, 3))
    place = 0.05 * drawn(generator, NUM, 2)
    scale = 0.8 + 0.05 * drawn(generator, NUM, 1)
    return Fit(
        0.7 * drawn(generator, NUM, 10),
        matrix_to_rotation_6d(rotations),
        torch.cat([scale, place], 1),
    )


def seen(truth: Fit, points: BodyPoints, body: BodyPredictor, noise: float) -> Observed:
    generator = torch.Generator().manual_seed(4)
    rotations = rotation_6d_to_matrix(truth.rotations)
    pelvis = cameras().pelvis(truth.camera)
    _, keypoints = points(truth.betas, rotations, pelvis)
    places = cameras().over_crop(cameras().project(keypoints))
    places = places + noise * drawn(generator, NUM, 17, 2)
    surface = posed(body.smpl, truth.betas, rotations, pelvis).vertices
    pixels = (cameras().over_crop(cameras().project(surface)) + 1) * SIDE / 2
    grid = torch.arange(SIDE) + 0.5
    middles = torch.stack(torch.meshgrid(grid, grid, indexing="xy"), -1).flatten(0, 1)
    near = torch.stack([torch.cdist(middles, one).amin(1) < 1.5 for one in pixels])
    return Observed(
        torch.cat([places, torch.full((NUM, 17, 1), 0.9)], -1),
        near.float().view(NUM, 1, SIDE, SIDE),
        torch.ones(NUM, 1, SIDE, SIDE),
        cameras(),
    )


def wrong(truth: Fit, size: float = 1.0) -> Fit:
    generator = torch.Generator().manual_seed(5)
    moves = [drawn(generator, *part.shape) for part in truth]
    return Fit(
        truth.betas + size * 0.3 * moves[0],
        truth.rotations + size * 0.08 * moves[1],
        truth.camera * (1 + size * 0.02 * moves[2]),
    )


COVARIANCE = 0.09 * torch.eye(10).expand(NUM, 10, 10)


def joint_errors(found: Fit, truth: Fit, body: BodyPredictor) -> Tensor:
    """Of each person's joints before the camera, in metres."""
    joints = [
        posed(
            body.smpl,
            fit.betas,
            rotation_6d_to_matrix(fit.rotations),
            cameras().pelvis(fit.camera),
        ).joints
        for fit in (found, truth)
    ]
    errors: Tensor = (joints[0] - joints[1]).norm(dim=-1).mean(1)
    return errors


@pytest.mark.parametrize("noise", [0.0, 0.03], ids=["exact keypoints", "keypoints with errors"])
def test_a_refined_body_is_nearer_to_the_truth_than_its_start(
    truth: Fit, points: BodyPoints, tiny_body: BodyPredictor, noise: float
) -> None:
    start = wrong(truth)
    observed = seen(truth, points, tiny_body, noise)
    found = Refiner(points).refine(start, COVARIANCE, torch.arange(NUM), observed)
    before, after = (joint_errors(fit, truth, tiny_body).mean() for fit in (start, found))
    assert after < (0.8 if noise == 0 else 0.95) * before


def test_a_start_that_is_right_stays_right(
    truth: Fit, points: BodyPoints, tiny_body: BodyPredictor
) -> None:
    observed = seen(truth, points, tiny_body, 0.0)
    found = Refiner(points).refine(truth, COVARIANCE, torch.arange(NUM), observed)
    assert joint_errors(found, truth, tiny_body).max() < 0.02


def test_a_photo_in_a_batch_is_refined_as_it_is_alone(
    truth: Fit, points: BodyPoints, tiny_body: BodyPredictor
) -> None:
    start, observed = wrong(truth), seen(truth, points, tiny_body, 0.02)
    together = Refiner(points).refine(start, COVARIANCE, torch.arange(NUM), observed)
    last = torch.tensor([NUM - 1])
    alone = Refiner(points).refine(
        Fit(*(part[last] for part in start)),
        COVARIANCE[last],
        torch.zeros(1, dtype=torch.long),
        observed.of(last),
    )
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other[last], atol=1e-3, rtol=1e-3)


def test_photos_of_one_person_keep_one_shape(
    truth: Fit, points: BodyPoints, tiny_body: BodyPredictor
) -> None:
    shared = truth._replace(betas=truth.betas[:1].expand(NUM, -1))
    start = wrong(shared)
    observed = seen(shared, points, tiny_body, 0.0)
    one_shape = Fit(start.betas[:1], start.rotations, start.camera)
    found = Refiner(points).refine(
        one_shape, COVARIANCE[:1], torch.zeros(NUM, dtype=torch.long), observed
    )
    assert found.betas.shape == (1, 10)
    assert (found.betas - start.betas[:1]).abs().max() > 1e-3
    spread = found._replace(betas=found.betas.expand(NUM, -1))
    before = joint_errors(start._replace(betas=start.betas[:1].expand(NUM, -1)), shared, tiny_body)
    assert joint_errors(spread, shared, tiny_body).mean() < before.mean()


def test_what_shows_nothing_moves_nothing(truth: Fit, points: BodyPoints) -> None:
    nothing = Observed(
        torch.zeros(NUM, 17, 3),
        torch.zeros(NUM, 1, SIDE, SIDE),
        torch.zeros(NUM, 1, SIDE, SIDE),  # all of the crop is beyond the picture
        cameras(),
    )
    found = Refiner(points).refine(truth, COVARIANCE, torch.arange(NUM), nothing)
    for one, other in zip(found, truth, strict=True):
        torch.testing.assert_close(one, other)


def test_the_points_of_a_body_are_those_of_the_whole_body(
    truth: Fit, points: BodyPoints, tiny_body: BodyPredictor, tiny_regressor: Regressor
) -> None:
    rotations = rotation_6d_to_matrix(truth.rotations)
    pelvis = cameras().pelvis(truth.camera)
    chosen, keypoints = points(truth.betas, rotations, pelvis)
    whole = posed(tiny_body.smpl, truth.betas, rotations, pelvis).vertices
    others = spread_vertices(tiny_body.smpl.v_template, 100)
    torch.testing.assert_close(chosen, whole[:, others], atol=1e-5, rtol=0)
    expected = tiny_regressor.keypoint_weights @ whole
    torch.testing.assert_close(keypoints, expected, atol=1e-5, rtol=0)


def test_weights_that_are_next_to_none_are_left_out_and_the_rest_sums_to_one() -> None:
    weights = torch.tensor([[0.5, 0.4995, 0.0005], [0.3, 0.3, 0.4]])
    kept = sparsified(weights)
    assert kept[0, 2] == 0
    torch.testing.assert_close(kept.sum(1), torch.ones(2))


def test_spread_vertices_are_distinct_and_reach_head_hands_and_feet(
    tiny_body: BodyPredictor,
) -> None:
    template = tiny_body.smpl.v_template
    chosen = spread_vertices(template, 40)
    assert len(set(chosen.tolist())) == 40
    for axis, share in ((0, 0.95), (1, 0.95)):
        extent = template[:, axis].max() - template[:, axis].min()
        found = template[chosen, axis].max() - template[chosen, axis].min()
        assert found > share * extent
