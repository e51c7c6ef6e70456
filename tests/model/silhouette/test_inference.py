import pytest
import torch
from torch import nn

from model.backend.torch_copy import fold_batch_norms
from model.silhouette.inference import InferenceNetwork, apart
from model.silhouette.network import HourglassConfig, StackedHourglass


def trained() -> StackedHourglass:
    """With batch norms that have seen something."""
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(2, num_features=8, depth=2))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def test_folding_leaves_only_the_norms_that_no_convolution_precedes() -> None:
    network = trained()
    images = torch.rand(2, 3, 40, 24, dtype=torch.float64)
    expected = network.double()(images)
    before = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    folded = fold_batch_norms(network)
    for ours, theirs in zip(folded(images), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    after = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    blocks = sum(hasattr(m, "branch") for m in network.modules())
    assert 0 < after < before
    # One in front of each block.
    assert after == blocks


@pytest.mark.parametrize("num", [1, 3])
def test_what_is_served_is_the_last_map_clipped(num: int) -> None:
    network = trained()
    images = torch.rand(num, 3, 40, 24)
    with torch.inference_mode():
        expected = network(images)[-1][:, :1].clamp(0, 1)
        found = InferenceNetwork(network, torch.float32)(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_maps_are_as_far_apart_as_their_most_different_pixels() -> None:
    expected = torch.zeros(2, 1, 4, 4)
    found = expected.clone()
    found[1, 0, 2, 3] = -0.25
    assert apart(found, expected) == 0.25
