"""The reference's network: its size, what it reads, and that frames are separate."""

import math

import numpy as np
import pytest
import torch

from model.pose_depth.network import (
    NUM_OCTAVES,
    DepthRefinerConfig,
    PoseAwareDepthRefiner,
    Poses,
    angle_features,
    view_features,
)

SMALL = DepthRefinerConfig(width=16, num_layers=1, num_heads=2, feedforward=16, camera_width=16)


def random_poses(sequences: int = 2, frames: int = 3) -> Poses:
    generator = torch.Generator().manual_seed(0)
    size = (sequences, frames)
    return Poses(
        torch.randn(*size, 17, 3, generator=generator),
        torch.randn(*size, 17, 2, generator=generator),
        torch.rand(*size, 17, generator=generator),
        torch.arange(frames).float().expand(size) / 10,
        torch.ones(size, dtype=torch.bool),
    )


def test_the_default_network_has_as_many_parameters_as_the_references() -> None:
    network = PoseAwareDepthRefiner(DepthRefinerConfig())
    assert sum(p.numel() for p in network.parameters()) == 655_942


def test_only_the_depth_is_corrected() -> None:
    network = PoseAwareDepthRefiner(SMALL).eval()
    found = network(random_poses())
    assert found.offsets.shape == (2, 3, 17, 3)
    assert found.offsets[..., :2].abs().max() == 0
    assert found.offsets[..., 2].abs().max() > 0
    torch.testing.assert_close(found.direction.norm(dim=-1), torch.ones(2, 3))
    assert found.distance.min() > 2


def test_a_frame_knows_nothing_of_the_others() -> None:
    network = PoseAwareDepthRefiner(SMALL).eval()
    poses = random_poses()
    alone = network(Poses(*(tensor[:, 1:2] for tensor in poses)))
    together = network(poses)
    for one, all_frames in zip(alone, together, strict=True):
        torch.testing.assert_close(one, all_frames[:, 1:2], atol=1e-5, rtol=1e-4)


def test_every_input_has_an_influence() -> None:
    network = PoseAwareDepthRefiner(SMALL).eval()
    poses = random_poses()
    before = network(poses).offsets
    for name in ("joints", "keypoints", "visibility"):
        changed = poses._replace(**{name: getattr(poses, name) * 0.5 + 0.1})
        assert (network(changed).offsets - before).abs().max() > 1e-6, name


def test_view_features_of_a_simple_pose_are_as_computed_by_hand() -> None:
    points = np.zeros((17, 2), np.float32)
    points[5], points[6] = (0.2, -0.5), (-0.2, -0.4)  # shoulders
    points[7], points[9] = (0.2, -0.2), (0.2, 0.0)  # left arm: 0.3 + 0.2
    points[8], points[10] = (-0.2, -0.2), (-0.2, -0.1)  # right arm: 0.2 + 0.1
    points[11], points[12] = (0.1, 0.0), (-0.1, 0.02)  # hips
    points[13], points[15] = (0.1, 0.4), (0.1, 0.8)  # left leg: 0.4 + 0.4
    points[14], points[16] = (-0.1, 0.42), (-0.1, 0.62)  # right leg: 0.4 + 0.2
    points[0] = (0.05, -0.7)
    found = view_features(torch.from_numpy(points)[None])[0].tolist()
    height = math.hypot(0, -0.45 - 0.01)
    expected = [
        *(-0.1, -0.02, 0.4, 0.2),
        *(0.5 / 0.3, 0.2, 0.8 / 0.6, 0.2),
        *(height, height / 0.4, 0.05, -0.7 + 0.45, 0.3),
        *points.mean(0).tolist(),
    ]
    assert found == pytest.approx(expected, abs=1e-4)


def test_angle_features_are_sines_and_cosines_of_doubled_angles() -> None:
    azimuth, elevation = math.radians(110), math.radians(25)
    level = math.cos(elevation)
    direction = [level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)]
    found = angle_features(torch.tensor([direction], dtype=torch.float64))[0].numpy()
    around, above = azimuth / (2 * math.pi), elevation / (math.pi / 2)
    octaves = 2.0 ** np.arange(NUM_OCTAVES)
    expected = np.concatenate(
        [
            [around, above],
            np.sin(2 * np.pi * around * octaves),
            np.cos(2 * np.pi * around * octaves),
            np.sin(np.pi * above * octaves),
            np.cos(np.pi * above * octaves),
        ]
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_looking_straight_down_gives_finite_gradients() -> None:
    direction = torch.tensor([[0.0, 1.0, 0.0]], requires_grad=True)
    angle_features(direction).sum().backward()
    assert direction.grad is not None
    assert direction.grad.isfinite().all()


@pytest.mark.parametrize(
    "change",
    [{"width": 0}, {"width": 12}, {"dropout": 1.0}, {"camera_width": 3}, {"num_layers": 0}],
)
def test_a_width_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        DepthRefinerConfig(**change)  # type: ignore[arg-type]
