import pytest
import torch
from torch import nn

from model.clothing.inference import TOLERANCE, InferenceNetwork, fastest_faithful
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


def test_the_network_that_is_given_is_left_as_it_is() -> None:
    network = trained(CONFIGS[0])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fastest_faithful(network, 32)
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("moved", "taken"),
    [(0.1 * TOLERANCE, torch.bfloat16), (1.1 * TOLERANCE, torch.float32), (torch.nan, None)],
    ids=["little", "more than is allowed", "overflow"],
)
def test_a_narrow_format_is_taken_where_the_probabilities_stay(
    moved: float, taken: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(self: InferenceNetwork, images: torch.Tensor) -> torch.Tensor:
        amount = moved if self.dtype == torch.bfloat16 else 0.0
        probabilities = torch.zeros(len(images), 59, 8, 8)
        probabilities[:, 0], probabilities[:, 1] = 1 - amount, amount
        return probabilities

    monkeypatch.setattr("model.inference.narrow_formats", lambda device: [torch.bfloat16])
    monkeypatch.setattr(InferenceNetwork, "forward", say)
    assert fastest_faithful(trained(CONFIGS[0]), 32).dtype == (taken or torch.float32)
