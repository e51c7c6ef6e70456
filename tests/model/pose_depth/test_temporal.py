"""The temporal network: time, absent frames, and a start that corrects nothing."""

import pytest
import torch

from model.pose_depth.network import Poses
from model.pose_depth.temporal import SPAN_S, TemporalRefiner, TemporalRefinerConfig

CONFIG = TemporalRefinerConfig(width=16, num_heads=2, num_blocks=1)


@pytest.fixture
def network() -> TemporalRefiner:
    torch.manual_seed(0)
    network = TemporalRefiner(CONFIG).eval()
    torch.nn.init.normal_(network.offsets.weight, std=0.1)
    return network


def poses(frames: int = 4, seconds: float = 0.1) -> Poses:
    generator = torch.Generator().manual_seed(1)
    size = (2, frames)
    return Poses(
        torch.randn(*size, 17, 3, generator=generator),
        torch.randn(*size, 17, 2, generator=generator),
        torch.rand(*size, 17, generator=generator),
        torch.arange(frames).float().expand(size) * seconds,
        torch.ones(size, dtype=torch.bool),
    )


def test_a_new_network_corrects_nothing() -> None:
    assert TemporalRefiner(CONFIG)(poses()).offsets.abs().max() == 0


def test_all_three_axes_are_corrected(network: TemporalRefiner) -> None:
    offsets = network(poses()).offsets
    assert (offsets.abs().amax((0, 1, 2)) > 1e-3).all()


def test_near_frames_have_an_influence_and_far_ones_none(network: TemporalRefiner) -> None:
    given = poses()
    joints = given.joints.clone()
    joints[:, 3] += 0.3
    changed = given._replace(joints=joints)
    near = network(changed).offsets[:, 0] - network(given).offsets[:, 0]
    assert near.abs().max() > 1e-5
    far = [one._replace(seconds=one.seconds * 10 * SPAN_S) for one in (changed, given)]
    alone = [network(one).offsets[:, 0] for one in far]
    torch.testing.assert_close(*alone)


def test_a_frame_far_from_all_others_is_refined_as_if_it_were_alone(
    network: TemporalRefiner,
) -> None:
    given = poses(seconds=10 * SPAN_S)
    alone = network(Poses(*(tensor[:, 2:3] for tensor in given)))
    torch.testing.assert_close(alone.offsets, network(given).offsets[:, 2:3], atol=1e-5, rtol=1e-4)


def test_frames_that_are_not_there_have_no_influence_and_give_finite_numbers(
    network: TemporalRefiner,
) -> None:
    given = poses()
    present = given.present.clone()
    present[:, 2:] = False
    short = Poses(*(tensor[:, :2] for tensor in given))
    long = network(given._replace(present=present))
    torch.testing.assert_close(long.offsets[:, :2], network(short).offsets, atol=1e-5, rtol=1e-4)
    assert all(tensor.isfinite().all() for tensor in long)


def test_only_the_distance_in_time_counts(network: TemporalRefiner) -> None:
    given = poses()
    later = given._replace(seconds=given.seconds + 7)
    torch.testing.assert_close(network(later).offsets, network(given).offsets, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("change", [{"width": 10}, {"num_blocks": 0}, {"dropout": -0.1}])
def test_a_number_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        TemporalRefinerConfig(**change)  # type: ignore[arg-type]
