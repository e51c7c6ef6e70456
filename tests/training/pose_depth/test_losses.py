"""Losses against plain loops, and their gradients."""

import math

import pytest
import torch
from torch import Tensor

from model.pose_depth.network import Refinement
from model.pose_depth.skeleton import BONES
from training.pose_depth.losses import (
    LEAST_VISIBILITY,
    WITHIN_M,
    LossWeights,
    bone_loss,
    camera_loss,
    confidence_loss,
    position_loss,
    symmetry_loss,
    velocity_loss,
)

GENERATOR = torch.Generator().manual_seed(0)


def drawn(*size: int) -> Tensor:
    return torch.randn(*size, generator=GENERATOR, dtype=torch.float64)


OFFSETS, WANTED, JOINTS, TRUTH = (drawn(2, 3, 17, 3) for _ in range(4))
VISIBILITY = torch.rand(2, 3, 17, generator=GENERATOR, dtype=torch.float64)
PRESENT = torch.tensor([[True, True, True], [True, True, False]])
THERE = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
SECONDS = torch.tensor([[0.0, 0.1, 5.0], [0.0, 0.1, 0.0]], dtype=torch.float64)


def test_positions_count_by_visibility_and_only_where_there_is_a_frame() -> None:
    depth, across = position_loss(OFFSETS, WANTED, VISIBILITY, PRESENT)
    expected_depth = expected_across = 0.0
    for b, t in THERE:
        for j in range(17):
            weight = max(LEAST_VISIBILITY, float(VISIBILITY[b, t, j]))
            x, y, z = (OFFSETS[b, t, j] - WANTED[b, t, j]).abs().tolist()
            expected_depth += weight * z / (len(THERE) * 17)
            expected_across += weight * (x + y) / (len(THERE) * 17)
    assert float(depth) == pytest.approx(expected_depth)
    assert float(across) == pytest.approx(expected_across)


def length(pose: Tensor, bone: tuple[int, int]) -> float:
    return math.dist(pose[bone[0]].tolist(), pose[bone[1]].tolist())


def test_bones_are_compared_by_their_lengths() -> None:
    differences = [
        abs(length(JOINTS[b, t], bone) - length(TRUTH[b, t], bone))
        for b, t in THERE
        for bone in BONES
    ]
    found = bone_loss(JOINTS, TRUTH, PRESENT)
    assert float(found) == pytest.approx(sum(differences) / len(differences))
    turn = torch.linalg.qr(drawn(3, 3))[0]
    assert float(bone_loss(JOINTS @ turn, JOINTS, PRESENT)) == pytest.approx(0, abs=1e-9)


def test_symmetry_compares_left_and_right_limbs() -> None:
    limbs = [((5, 7), (6, 8)), ((7, 9), (8, 10)), ((11, 13), (12, 14)), ((13, 15), (14, 16))]
    differences = [
        abs(length(JOINTS[b, t], left) - length(JOINTS[b, t], right))
        for b, t in THERE
        for left, right in limbs
    ]
    found = symmetry_loss(JOINTS, PRESENT)
    assert float(found) == pytest.approx(sum(differences) / len(differences))


def test_the_references_confidence_is_relative_to_the_greatest_error_of_the_batch() -> None:
    logits = drawn(2, 3, 17)
    depth = (JOINTS - TRUTH)[..., 2].abs()
    greatest = max(float(depth[b, t].max()) for b, t in THERE)
    squares = [
        (1 / (1 + math.exp(-float(logits[b, t, j]))) - (1 - float(depth[b, t, j]) / greatest)) ** 2
        for b, t in THERE
        for j in range(17)
    ]
    found = confidence_loss(logits, JOINTS, TRUTH, PRESENT, "relative")
    assert float(found) == pytest.approx(sum(squares) / len(squares))


def test_the_other_confidence_is_the_probability_of_being_near() -> None:
    logits = drawn(2, 3, 17)
    joints = TRUTH + 0.08 * drawn(2, 3, 17, 3)
    losses = []
    for b, t in THERE:
        for j in range(17):
            near = math.dist(joints[b, t, j].tolist(), TRUTH[b, t, j].tolist()) < WITHIN_M
            p = 1 / (1 + math.exp(-float(logits[b, t, j])))
            losses.append(-math.log(p if near else 1 - p))
    found = confidence_loss(logits, joints, TRUTH, PRESENT, "within")
    assert float(found) == pytest.approx(sum(losses) / len(losses))
    assert 0.1 < sum(loss > 1 for loss in losses) / len(losses) < 0.9


def test_the_camera_counts_by_its_angle_and_its_relative_distance() -> None:
    direction, true = (torch.nn.functional.normalize(drawn(2, 3, 3), dim=-1) for _ in range(2))
    distance, far = 3 + torch.rand(2, 3).double(), 3 + torch.rand(2, 3).double()
    nothing = torch.zeros(2, 3, 17, 3), torch.zeros(2, 3, 17)
    found = camera_loss(Refinement(*nothing, direction, distance), true, far, PRESENT)
    parts = [
        1 - float(direction[b, t] @ true[b, t]) + 0.1 * float(((distance - far) / far)[b, t]) ** 2
        for b, t in THERE
    ]
    assert float(found) == pytest.approx(sum(parts) / len(parts))


def test_movements_count_between_neighbours_in_time_only() -> None:
    found = velocity_loss(JOINTS, TRUTH, SECONDS, PRESENT)
    error = JOINTS - TRUTH
    steps = [
        float((error[0, 1] - error[0, 0]).abs().mean()),
        float((error[1, 1] - error[1, 0]).abs().mean()),
    ]
    assert float(found) == pytest.approx(sum(steps) / 2)
    alone = velocity_loss(JOINTS, TRUTH, SECONDS * 1e3, PRESENT)
    assert float(alone) == 0
    assert float(velocity_loss(TRUTH + 1, TRUTH, SECONDS, PRESENT)) == pytest.approx(0, abs=1e-9)


def test_gradients_are_right() -> None:
    def total(offsets: Tensor) -> Tensor:
        joints = JOINTS[:1, :2] + offsets
        truth, present = TRUTH[:1, :2], PRESENT[:1, :2]
        depth, across = position_loss(offsets, WANTED[:1, :2], VISIBILITY[:1, :2], present)
        return (
            depth
            + across
            + bone_loss(joints, truth, present)
            + symmetry_loss(joints, present)
            + velocity_loss(joints, truth, SECONDS[:1, :2], present)
        )

    assert torch.autograd.gradcheck(total, OFFSETS[:1, :2].clone().requires_grad_())


def test_joints_that_fall_together_have_finite_gradients() -> None:
    joints = torch.zeros(1, 1, 17, 3, requires_grad=True)
    bone_loss(joints, torch.ones(1, 1, 17, 3), torch.ones(1, 1, dtype=torch.bool)).backward()
    assert joints.grad is not None
    assert joints.grad.isfinite().all()


@pytest.mark.parametrize("change", [{"depth": 0.0}, {"bones": -1.0}, {"camera": float("nan")}])
def test_a_weight_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        LossWeights(**change)
