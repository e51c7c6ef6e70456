"""PyTorch's copy of a network, beside the network itself."""

import torch
from torch import nn
from torchvision.models.resnet import Bottleneck

from model.backend.torch_copy import fold_batch_norms, served_copy


def test_a_served_copy_says_the_same_and_leaves_its_original_alone() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.9))
    images = torch.rand(2, 3, 8, 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    served = served_copy(network, torch.float32)
    assert network.training
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    with torch.inference_mode():
        torch.testing.assert_close(served(images), network.eval()(images))


def test_norms_in_a_resnets_blocks_are_folded() -> None:
    torch.manual_seed(0)
    block = Bottleneck(8, 2).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2)
    features = torch.rand(1, 8, 6, 6)
    with torch.inference_mode():
        expected = block(features)
        found = fold_batch_norms(block)(features)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in block.modules())
    torch.testing.assert_close(found, expected)
