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
