"""A silhouette network as it is served: the same map, sooner.

Batch norms that follow a convolution become part of it, pictures lie in memory pixel by pixel
(channels last), and the numbers are half as wide where that changes no pixel of the map by more
than `TOLERANCE`. Which format that is depends on the weights, so each checkpoint is tried.

B batch, H W input size, h w the map's size: a quarter of it, or all of it with refinement.
"""

import copy
import logging

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.precision import cpu_multiplies_bfloat16
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.trial_pictures import trial_pictures

_log = logging.getLogger(__name__)

TOLERANCE = 0.01
"""Largest difference to the map in float32, at any pixel."""
MARGIN = 2.0
"""Photos are harder than the pictures that a format is tried on: there it must be this much
closer."""


class InferenceNetwork(nn.Module):
    """The last map of a stacked hourglass, and nothing that only training needs."""

    def __init__(self, network: StackedHourglass, dtype: torch.dtype) -> None:
        """Copy the network; it is not changed.

        Args:
            network: On the device that it shall run on.
            dtype: What it computes in. The map is float32 whatever this is.
        """
        super().__init__()
        self.config: HourglassConfig = network.config
        self.dtype = dtype
        device = next(network.parameters()).device
        folded = fold_batch_norms(copy.deepcopy(network).eval())
        if device.type == "cpu" and torch.backends.mkldnn.is_available():
            use_onednn(folded)
        self.network = folded.to(dtype).to(memory_format=torch.channels_last).requires_grad_(False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 h w"]:
        """The confidence in [0, 1].

        Args:
            images: RGB in [0, 1], float32.
        """
        images = images.to(dtype=self.dtype, memory_format=torch.channels_last)
        # A processor's caches hold what one picture needs, not what a batch needs: measured with
        # one thread, eight pictures at once take a quarter longer than one after the other.
        on_cpu = images.device.type == "cpu"
        parts = images.split(torch.get_num_threads() if on_cpu else max(1, len(images)))
        maps = [self.network(part)[-1][:, :1].float().clamp(0, 1) for part in parts]
        return torch.cat(maps)


def fastest_faithful(network: StackedHourglass, input_size: int) -> InferenceNetwork:
    """The network in the narrowest format that leaves its map as it is, else in float32.

    Args:
        network: On the device that it shall run on.
        input_size: Side of the pictures that it will see.
    """
    exact = InferenceNetwork(network, torch.float32)
    candidates = narrow_formats(next(network.parameters()).device)
    if not candidates:
        return exact
    with torch.inference_mode():
        pictures = trial_pictures(input_size).to(next(network.parameters()).device)
        expected = exact(pictures)
        for dtype in candidates:
            narrow = InferenceNetwork(network, dtype)
            apart = float((narrow(pictures) - expected).abs().max())
            # Written so that NaN fails too.
            taken = apart <= TOLERANCE / MARGIN
            _log.info(
                "in %s the map changes by up to %.3g, %.3g is allowed: %s",
                dtype,
                apart,
                TOLERANCE / MARGIN,
                "taken" if taken else "not taken",
            )
            if taken:
                return narrow
    return exact


def narrow_formats(device: torch.device) -> list[torch.dtype]:
    """What the device computes faster than float32, the more exact first."""
    if device.type == "cuda":
        return [torch.float16]
    if device.type == "cpu" and cpu_multiplies_bfloat16():
        return [torch.bfloat16]
    return []


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Make each batch norm that directly follows a convolution part of it, in place.

    Those before a ReLU that come first in a block stay: nothing linear is in front of them. An
    identity takes the place of a norm that has gone, so that all else keeps its position.
    """
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for first, second in zip(range(len(module)), range(1, len(module)), strict=False):
                convolution, norm = module[first], module[second]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[first] = fuse_conv_bn_eval(convolution, norm)
                    module[second] = nn.Identity()
    return network


def use_onednn(network: nn.Module) -> nn.Module:
    """Send every convolution to oneDNN, in place.

    PyTorch by itself gives single-threaded 1x1 convolutions of single pictures to a general matrix
    product and unrolls its input first: measured here, two to four times slower.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
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
