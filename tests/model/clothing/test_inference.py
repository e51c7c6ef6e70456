import pytest
import torch
from torch import nn

from model.clothing.inference import InferenceNetwork, apart
from model.clothing.network import ClothingConfig, ClothingNetwork

CONFIGS = [
    ClothingConfig("unet", 7, widths=(4, 8)),
    ClothingConfig("deeplabv3_mobilenet_v3_large", 7, auxiliary=True),
    ClothingConfig("efficientnet_lite_unet", 7, decoder_widths=(16, 8, 8, 8)),
]


def trained(config: ClothingConfig) -> ClothingNetwork:
    """With batch norms that have seen something."""
    torch.manual_seed(0)
    network = ClothingNetwork(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.network)
def test_what_is_served_is_the_softmax_of_the_main_logits(config: ClothingConfig) -> None:
    network = trained(config)
    images = torch.rand(3, 3, 64, 96)
    with torch.inference_mode():
        expected = network(images)[0].softmax(1)
        found = InferenceNetwork(network, torch.float32)(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert found.permute(0, 2, 3, 1).is_contiguous()


def test_probabilities_are_as_far_apart_as_the_share_that_moved_to_other_labels() -> None:
    expected = torch.zeros(2, 59, 8, 8)
    expected[:, 0] = 1
    found = expected.clone()
    found[:, 0], found[:, 1] = 0.9, 0.1
    assert apart(found, expected) == pytest.approx(0.1)
