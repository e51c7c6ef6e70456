"""A network as PyTorch runs it for inference.

Batch norms that follow a convolution become part of it, and pictures lie in memory pixel by pixel
(channels last). CUDA replays the whole as one launch.
"""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.backend.cuda_graphs import CudaGraphed


def served_copy(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network without what only training needs; the one that is given is not changed.

    Args:
        network: On the device that it shall run on.
        dtype: What it computes in.
    """
    device = next(network.parameters()).device
    folded = fold_batch_norms(copy.deepcopy(network).eval())
    served = folded.to(dtype).to(memory_format=torch.channels_last).requires_grad_(False)
    return CudaGraphed(served) if device.type == "cuda" else served


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Make each batch norm that directly follows a convolution part of it, in place.

    Those are neighbours in a sequence, or, in torchvision's ResNets, `conv1` and `bn1`. Norms
    before a ReLU that come first in a block stay: nothing linear is in front of them. An identity
    takes the place of a norm that has gone, so that all else keeps its position.
    """
    for module in network.modules():
        for first, second in _adjacent(module):
            convolution, norm = getattr(module, first, None), getattr(module, second, None)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(convolution, norm))
                setattr(module, second, nn.Identity())
    return network


def _adjacent(module: nn.Module) -> list[tuple[str, str]]:
    """Names of children of which the second sees what the first gives, and nothing else does."""
    if isinstance(module, nn.Sequential):
        return [(str(place - 1), str(place)) for place in range(1, len(module))]
    names = [name for name, _ in module.named_children() if name.startswith("conv")]
    return [(name, name.replace("conv", "bn")) for name in names]
