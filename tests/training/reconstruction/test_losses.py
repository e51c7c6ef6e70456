import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from model.body.predictor import BodyPredictor
from model.body.rotation import axis_angle_to_matrix, matrix_to_rotation_6d
from model.body.smpl import Smpl
from model.reconstruction.network import Estimates
from tests.training.reconstruction.people_world import asset_of
from training.reconstruction.data import ReconstructionBatch, to_sample
from training.reconstruction.losses import (
    body_losses,
    camera_loss,
    distance_loss,
    gaussian_loss,
    reprojection_loss,
    rotation_loss,
)
from training.reconstruction.recipe import LossRecipe, ReconstructionRecipe
from training.reconstruction.reduced_body import reduced_asset
from training.reconstruction.stored_people import StoredPeople


@pytest.fixture
def smpl(tiny_body: BodyPredictor) -> Smpl:
    return Smpl(reduced_asset(asset_of(tiny_body), 40))


@pytest.fixture
def batch(stored: StoredPeople, recipe: ReconstructionRecipe) -> ReconstructionBatch:
    samples = [to_sample(stored[number], recipe.network, 32) for number in range(3)]
    joined = ReconstructionBatch(*default_collate(samples))
    # As if serving knew the cameras: otherwise no estimate is without error.
    return joined._replace(focal=joined.true_focal)


def right(batch: ReconstructionBatch) -> Estimates:
    """What a perfect network would say."""
    return Estimates(
        batch.betas,
        torch.full_like(batch.betas, -8.0),
        matrix_to_rotation_6d(batch.rotations),
        batch.true_cameras.camera(batch.pelvis),
    )


def test_nothing_is_lost_where_everything_is_right(smpl: Smpl, batch: ReconstructionBatch) -> None:
    losses = body_losses(smpl, right(batch), batch, LossRecipe())
    for name in ("shape", "vertices", "joints", "rotations", "reprojection", "camera"):
        assert losses[name] == pytest.approx(0, abs=5e-3), name
    assert losses["betas"] == pytest.approx(-4)


@pytest.mark.parametrize(
    ("field", "change", "parts"),
    [
        ("betas", 1.0, {"betas", "shape", "vertices", "joints", "reprojection"}),
        ("log_variance", 2.0, {"betas"}),
        ("rotations", 0.3, {"vertices", "joints", "rotations", "reprojection"}),
        ("camera", 0.2, {"reprojection", "camera"}),
    ],
)
def test_each_part_sees_what_it_is_about(
    smpl: Smpl, batch: ReconstructionBatch, field: str, change: float, parts: set[str]
) -> None:
    perfect = body_losses(smpl, right(batch), batch, LossRecipe())
    generator = torch.Generator().manual_seed(0)
    value: Tensor = getattr(right(batch), field)
    noise = torch.rand(value.shape, generator=generator) + 0.5
    changed = right(batch)._replace(**{field: value + change * noise})
    losses = body_losses(smpl, changed, batch, LossRecipe())
    worse = {name for name in losses if float(losses[name] - perfect[name]) > 5e-3} - {"loss"}
    assert worse == parts


def test_weights_count(smpl: Smpl, batch: ReconstructionBatch) -> None:
    estimates = right(batch)._replace(betas=batch.betas + 0.5)
    once = body_losses(smpl, estimates, batch, LossRecipe())
    none = dict.fromkeys((f.name for f in dataclasses.fields(LossRecipe)), 0.0)
    only = body_losses(smpl, estimates, batch, LossRecipe(**{**none, "shape": 30.0}))
    assert float(only["loss"]) == pytest.approx(3 * float(once["shape"]), rel=1e-5)
    with pytest.raises(ValueError, match=r"loss\.joints is -1"):
        LossRecipe(joints=-1.0)


def test_the_gaussian_loss_is_that_of_the_normal_density() -> None:
    mean, truth = torch.tensor([[0.2, -1.0]]), torch.tensor([[0.5, 1.0]])
    deviation = torch.tensor([[0.3, 2.0]])
    expected = -torch.distributions.Normal(mean, deviation).log_prob(truth).mean()
    found = gaussian_loss(mean, 2 * deviation.log(), truth)
    assert float(found) == pytest.approx(float(expected) - 0.5 * np.log(2 * np.pi), abs=1e-6)


def test_the_gaussian_loss_is_least_at_the_true_deviation() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = 0.7 * torch.randn(4000, 1, generator=generator)
    losses = {
        spread: float(gaussian_loss(torch.zeros(4000, 1), torch.full((4000, 1), spread), truth))
        for spread in np.linspace(-2, 1, 31).tolist()
    }
    assert np.exp(min(losses, key=losses.__getitem__) / 2) == pytest.approx(0.7, rel=0.06)


def test_distances_are_of_corresponding_points() -> None:
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
    truth = torch.tensor([[[0.0, 3, 4], [1, 0, 0]]])
    assert float(distance_loss(points, truth)) == pytest.approx(2.5, abs=1e-3)


def test_the_rotation_loss_follows_from_the_angle() -> None:
    one = axis_angle_to_matrix(torch.tensor([[[0.0, 0, 0]]]))
    other = axis_angle_to_matrix(torch.tensor([[[0.0, 0.9, 0]]]))
    assert float(rotation_loss(one, other)) == pytest.approx(4 - 4 * np.cos(0.9), abs=1e-6)


def test_the_reprojection_is_by_the_assumed_camera(batch: ReconstructionBatch) -> None:
    joints = batch.pelvis[:, None] + torch.tensor([0.0, 0.3, 0.0])
    assert float(reprojection_loss(joints, joints, batch)) == pytest.approx(0, abs=1e-3)
    other = batch._replace(focal=1.5 * batch.true_focal)
    expected = []
    for row in range(len(joints)):
        x, y, z = joints[row, 0].tolist()
        half = float(batch.crop_side[row]) / 2
        focal = float(batch.true_focal[row])
        expected.append(np.hypot(0.5 * focal * x / z, 0.5 * focal * y / z) / half)
    found = float(reprojection_loss(joints, joints, other))
    assert found == pytest.approx(np.mean(expected), rel=1e-3)


def test_the_camera_loss_is_of_scale_and_place(batch: ReconstructionBatch) -> None:
    camera = batch.true_cameras.camera(batch.pelvis)
    moved = camera * torch.tensor([np.e, 1, 1]) + torch.tensor([0, 0.1, -0.3])
    assert float(camera_loss(moved, batch)) == pytest.approx(1 + 0.2, abs=1e-5)


def test_gradients_are_those_of_finite_differences(smpl: Smpl, batch: ReconstructionBatch) -> None:
    double = ReconstructionBatch(*(part.double() for part in batch))
    exact = smpl.to(torch.float64)
    perfect = right(double)
    inputs = [
        (part + 0.05 * torch.randn(part.shape, generator=torch.Generator().manual_seed(1)))
        .detach()
        .requires_grad_()
        for part in (perfect.betas, perfect.log_variance + 4, perfect.rotations, perfect.camera)
    ]

    def loss(*parts: Tensor) -> Tensor:
        return body_losses(exact, Estimates(*parts), double, LossRecipe())["loss"]

    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)
