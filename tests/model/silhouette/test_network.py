import math

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import TypeCheckError
from torch import Tensor, nn

from model.image import Letterbox
from model.silhouette.network import Hourglass, HourglassConfig, ResidualBlock, StackedHourglass


def tiny(num_stacks: int = 2, num_channels: int = 2) -> StackedHourglass:
    torch.manual_seed(0)
    config = HourglassConfig(num_stacks, num_features=8, depth=3, num_channels=num_channels)
    return StackedHourglass(config).eval()


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (100, 75), (17, 33), (1, 1)])
@pytest.mark.parametrize("num_stacks", [1, 2, 3])
def test_every_stack_answers_at_a_quarter_of_any_size(
    size: tuple[int, int], num_stacks: int
) -> None:
    outputs = tiny(num_stacks)(torch.rand(2, 3, *size))
    quarter = tuple(math.ceil(math.ceil(side / 2) / 2) for side in size)
    assert [tuple(output.shape) for output in outputs] == [(2, 2, *quarter)] * num_stacks


def test_a_residual_block_adds_its_convolutions_to_its_input() -> None:
    block = ResidualBlock(6, 6).eval()
    features = torch.rand(1, 6, 5, 7)
    torch.testing.assert_close(block(features), features + block.branch(features))
    kernels = [m.kernel_size for m in block.branch if isinstance(m, nn.Conv2d)]
    assert kernels == [(1, 1), (3, 3), (1, 1)]


def test_an_hourglass_is_its_upper_branch_plus_what_comes_back_from_below() -> None:
    """Against the recursion written out for one level."""
    torch.manual_seed(1)
    hourglass = Hourglass(1, 4).eval()
    features = torch.rand(1, 4, 5, 6)
    pooled = torch.stack(
        [
            features[..., y : y + 2, x : x + 2].amax((-2, -1))
            for y in range(0, 5, 2)
            for x in range(0, 6, 2)
        ],
        dim=-1,
    ).reshape(1, 4, 3, 3)
    below = hourglass.after(hourglass.inner(hourglass.before(pooled)))
    expected = hourglass.upper(features) + F.interpolate(below, size=(5, 6), mode="nearest")
    torch.testing.assert_close(hourglass(features), expected)


def test_every_parameter_takes_part_in_the_last_output() -> None:
    network = tiny(num_stacks=3).train()
    network(torch.rand(2, 3, 64, 64))[-1].square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None]
    assert silent == []


def test_the_second_stack_sees_the_prediction_of_the_first() -> None:
    network = tiny()
    images = torch.rand(1, 3, 64, 64)
    before = network(images)
    with torch.no_grad():
        network.get_parameter("outputs.0.bias").add_(1.0)
    after = network(images)
    torch.testing.assert_close(after[0], before[0] + 1)
    assert not torch.allclose(after[1], before[1])


def test_the_reference_network_has_the_published_size() -> None:
    """1.7 M parameters for two stacks of 128 features, as the serving notes measured."""
    config = HourglassConfig()
    assert (config.num_stacks, config.num_features, config.num_channels) == (2, 128, 2)
    count = sum(p.numel() for p in StackedHourglass(config).parameters())
    assert 1.5e6 < count < 1.9e6


def test_a_wrong_shape_is_caught_where_shapes_are_checked() -> None:
    """The canary: if this passes nothing, the checker is off and every shape is a comment."""
    with pytest.raises(TypeCheckError):
        tiny()(torch.rand(1, 4, 64, 64))
    with pytest.raises(TypeCheckError):
        Letterbox.fit((4, 4), (8, 8)).apply(torch.rand(3, 4, 4))


def test_a_batch_gives_what_its_pictures_give_alone() -> None:
    network = tiny()
    images: Tensor = torch.rand(3, 3, 64, 64)
    together = network(images)[-1]
    alone = torch.cat([network(image[None])[-1] for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def refined() -> StackedHourglass:
    torch.manual_seed(0)
    config = HourglassConfig(num_stacks=2, num_features=8, depth=3, refinement_width=6)
    return StackedHourglass(config)


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (101, 75), (17, 34), (1, 1)])
def test_a_refined_map_is_last_has_the_size_of_the_picture_and_lies_between_0_and_1(
    size: tuple[int, int],
) -> None:
    *stacks, last = refined().eval()(torch.rand(2, 3, *size))
    assert len(stacks) == 2
    assert last.shape == (2, 1, *size)
    assert last.dtype == torch.float32
    assert 0 <= float(last.detach().min()) <= float(last.detach().max()) <= 1


def test_refinement_adds_to_the_plain_network_and_changes_nothing_of_it() -> None:
    plain, images = tiny(), torch.rand(1, 3, 64, 64)
    network = refined().eval()
    added = network.load_state_dict(plain.state_dict(), strict=False)
    assert added.unexpected_keys == []
    assert {name.split(".")[0] for name in added.missing_keys} == {"refinement"}
    torch.testing.assert_close(network(images)[:2], plain(images))


def test_a_refined_pixel_depends_on_its_own_pixel_of_the_picture() -> None:
    """Not on its quarter-size cell alone, which is the reason for refining."""
    network = refined().eval()
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[-1][0, 0, 13, 14], images)
    (neighbour,) = torch.autograd.grad(network(images)[-1][0, 0, 12, 15], images)
    assert gradient[0, :, 13, 14].abs().max() > 0
    # Both lie in one cell of a quarter's resolution, and yet see the picture differently.
    assert not torch.allclose(gradient, neighbour)


def test_every_parameter_takes_part_in_the_refined_map_or_in_a_stack() -> None:
    network = refined().train()
    sum(output.square().sum() for output in network(torch.rand(2, 3, 64, 64))).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
