"""Which library runs a network, and in which number format.

On a CPU OpenVINO does, or PyTorch where that is missing or refuses the network; on CUDA and MPS
PyTorch. The format is the narrowest that leaves what the network says as it is. Which one that is
depends on the weights, so each checkpoint is tried.

B batch, H W input size.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.conversion import cache_folder, converted
from model.backend.openvino_library import OpenVinoRefusedError
from model.backend.openvino_network import OpenVinoNetwork
from model.backend.quantized import QuantizedNetwork, load_quantized, quantized_path
from model.errors import InvalidInputError
from model.precision import cpu_prefers_bfloat16

_log = logging.getLogger(__name__)

MARGIN = 2.0
"""Photos are harder than the pictures that a format is tried on: there it must be this much
closer."""

PRECISIONS = {
    "auto": None,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": None,
}
"""What a network may be told to compute in, and PyTorch's name where that decides it."""

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


def chosen_int8(
    checkpoint: Path, sha256: str, device: torch.device, precision: str
) -> QuantizedNetwork | None:
    """The int8 network of a checkpoint where that is to run; None where it is not.

    `auto` takes it on a CPU if there is one that loses little enough; `int8` needs it.

    Args:
        checkpoint: Its file.
        sha256: Of its tensors.
        device: That the network runs on.
        precision: A name of `PRECISIONS`.

    Raises:
        InvalidInputError: The device does not compute in that precision.
        FileNotFoundError: int8 is needed and there is no such network.
        CheckpointError: The int8 network is damaged or belongs to another checkpoint.
    """
    if device.type != "cpu":
        if precision == "int8":
            raise InvalidInputError(f"the precision is int8; {device.type} does not compute in it")
        return None
    if precision == "float16":
        raise InvalidInputError(
            "the precision is float16; a CPU computes in float32, bfloat16 or int8"
        )
    is_there = quantized_path(checkpoint).is_file()
    if precision not in ("auto", "int8") or (precision == "auto" and not is_there):
        return None
    try:
        found = load_quantized(checkpoint, sha256)
    except OpenVinoRefusedError as error:
        if precision == "int8":
            raise InvalidInputError(f"int8 needs OpenVINO: {error}") from error
        _log.warning("the int8 network is not used: %s", error)
        return None
    taken = precision == "int8" or found.is_faithful
    _log.info(
        "int8 loses %.4f of its measure: %s",
        found.header.metrics["loss"],
        "taken" if taken else "not taken",
    )
    return found if taken else None
