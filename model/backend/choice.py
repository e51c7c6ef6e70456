"""Which library runs a network, and in which number format.

On a CPU OpenVINO does, or PyTorch where that is missing or refuses the network; on CUDA and MPS
PyTorch. The format is the narrowest that leaves what the network says as it is. Which one that is
depends on the weights, so each checkpoint is tried.

B batch, H W input size.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.conversion import cache_folder, converted
from model.backend.openvino_library import OpenVinoRefusedError
from model.backend.openvino_network import OpenVinoNetwork
from model.precision import cpu_prefers_bfloat16

_log = logging.getLogger(__name__)

MARGIN = 2.0
"""Photos are harder than the pictures that a format is tried on: there it must be this much
closer."""

ServedT = TypeVar("ServedT", bound=nn.Module)
ServedIn = Callable[[torch.dtype], ServedT]
"""Makes a network that computes in a format."""


def on_device(
    served_in: ServedIn[ServedT], input_size: int, device: torch.device
) -> ServedIn[ServedT | OpenVinoNetwork]:
    """Makes the network as the device runs it soonest.

    Args:
        served_in: Makes PyTorch's copy, on the device.
        input_size: Side of the pictures that it will see.
        device: That it runs on.
    """
    if device.type != "cpu":
        return served_in
    try:
        model = converted(served_in(torch.float32), input_size, cache_folder())
    except OpenVinoRefusedError as error:
        _log.warning("PyTorch runs the network: %s", error)
        return served_in

    def run_in(dtype: torch.dtype) -> ServedT | OpenVinoNetwork:
        try:
            return OpenVinoNetwork(model, dtype)
        except OpenVinoRefusedError as error:
            _log.warning("PyTorch runs the network: %s", error)
            return served_in(dtype)

    return run_in


def narrowest_faithful(
    served_in: ServedIn[ServedT],
    candidates: Sequence[torch.dtype],
    pictures: Float[Tensor, "B 3 H W"],
    apart: Callable[[Tensor, Tensor], float],
    tolerance: float,
) -> ServedT:
    """The network in the first format that leaves what it says as it is, else in float32.

    Args:
        served_in: Makes the network that computes in a format.
        candidates: Formats narrower than float32.
        pictures: To try them on, on the network's device.
        apart: How far what it says is from what it says in float32.
        tolerance: The largest of that which is allowed on photos.
    """
    exact = served_in(torch.float32)
    if not candidates:
        return exact
    with torch.inference_mode():
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
