"""A network as it is served: what it says, sooner.

Batch norms that follow a convolution become part of it, pictures lie in memory pixel by pixel
(channels last), and the numbers are half as wide where that leaves what the network says as it is.
Which format that is depends on the weights, so each checkpoint is tried.

B batch, H W input size.
"""

import copy
import logging
from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.cuda_graphs import CudaGraphed
from model.precision import cpu_prefers_bfloat16
from model.trial_pictures import trial_pictures
from model.without_python import WithoutPython

_log = logging.getLogger(__name__)

MARGIN = 2.0
"""Photos are harder than the pictures that a format is tried on: there it must be this much
closer."""

ServedT = TypeVar("ServedT", bound=nn.Module)


def served_copy(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network without what only training needs; the one that is given is not changed.

    Args:
        network: On the device that it shall run on.
        dtype: What it computes in.
    """
    device = next(network.parameters()).device
    folded = fold_batch_norms(copy.deepcopy(network).eval())
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        use_onednn(folded)
    served = folded.to(dtype).to(memory_format=torch.channels_last).requires_grad_(False)
    if device.type == "cpu":
        return WithoutPython(served)
    return CudaGraphed(served) if device.type == "cuda" else served


def split_for_device(images: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, ...]:
    """A batch in the parts in which the device it is on is quickest.

    A processor's caches hold what one picture needs, not what a batch needs: measured with one
    thread, eight pictures at once take a quarter longer than one after the other.
    """
    on_cpu = images.device.type == "cpu"
    size = torch.get_num_threads() if on_cpu else max(1, len(images))
    parts: tuple[Tensor, ...] = images.split(size)
    return parts


def narrowest_faithful(
    served_in: Callable[[torch.dtype], ServedT],
    input_size: int,
    device: torch.device,
    apart: Callable[[Tensor, Tensor], float],
    tolerance: float,
) -> ServedT:
    """The network in the narrowest format that leaves what it says as it is, else in float32.

    Args:
        served_in: Makes the network that computes in a format.
        input_size: Side of the pictures that it will see.
        device: That it runs on.
        apart: How far what it says is from what it says in float32.
        tolerance: The largest of that which is allowed on photos.
    """
    exact = served_in(torch.float32)
    candidates = narrow_formats(device)
    if not candidates:
        return exact
    with torch.inference_mode():
        pictures = trial_pictures(input_size).to(device)
        expected = exact(pictures)
        for dtype in candidates:
            narrow = served_in(dtype)
            found = apart(narrow(pictures), expected)
            # Written so that NaN fails too.
            taken = found <= tolerance / MARGIN
            _log.info(
                "in %s the result changes by %.3g, %.3g is allowed: %s",
                dtype,
                found,
                tolerance / MARGIN,
                "taken" if taken else "not taken",
            )
            if taken:
                return narrow
    return exact


def narrow_formats(device: torch.device) -> list[torch.dtype]:
    """What the device computes faster than float32, the more exact first."""
    if device.type == "cuda":
        return [torch.float16]
    if device.type == "cpu" and cpu_prefers_bfloat16():
        return [torch.bfloat16]
    return []


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


def use_onednn(network: nn.Module) -> nn.Module:
    """Send every convolution to oneDNN, in place.

    PyTorch by itself gives single-threaded 1x1 convolutions of single pictures to a general matrix
    product and unrolls its input first: measured here, two to four times slower.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            # Subclasses may do more than convolve.
            if type(child) is nn.Conv2d:
                setattr(module, name, _OneDnnConv2d(child))
    return network


class _OneDnnConv2d(nn.Module):
    """A convolution, for inference on a CPU only. Zero padding."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        assert convolution.padding_mode == "zeros"
        assert not isinstance(convolution.padding, str)
        self.weight, self.bias = convolution.weight, convolution.bias
        self.padding, self.stride = convolution.padding, convolution.stride
        self.dilation, self.groups = convolution.dilation, convolution.groups

    def forward(self, features: Float[Tensor, "B Cin h w"]) -> Float[Tensor, "B Cout h2 w2"]:
        return torch.mkldnn_convolution(
            features,
            self.weight,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
        )
