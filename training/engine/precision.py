"""Which number format a network computes in on a device."""

import platform
from pathlib import Path
from typing import Literal

import torch

from model.errors import InvalidInputError
from model.precision import cpu_prefers_bfloat16
from training.engine.distributed import is_launched, local_rank

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The type that autocast shall use; None for plain float32.

    `auto` takes bfloat16 where the device is quick in it, float16 on older CUDA devices, float32
    elsewhere.

    Raises:
        ValueError: float16 away from CUDA.
    """
    if precision == "fp32":
        return None
    if precision == "bf16":
        return torch.bfloat16
    if precision == "fp16":
        if device.type != "cuda":
            raise ValueError(f"precision fp16 needs a CUDA device; {device.type} has bf16 and fp32")
        return torch.float16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and cpu_prefers_bfloat16():
        return torch.bfloat16
    return None


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one, else the CPU.

    Under torchrun `cuda` is the device with the number that this process has on its machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and is_launched():
        return torch.device("cuda", local_rank())
    return torch.device(name)


def check_device(name: str) -> None:
    """See that this machine has a device, before any work is done for it.

    Raises:
        InvalidInputError: It has not, or the name means nothing.
    """
    try:
        device = pick_device(name)
    except RuntimeError:
        device = torch.device("meta")  # computes nothing, so it is refused below
    if device.type not in ("cpu", "cuda", "mps"):
        raise InvalidInputError(f"device {name!r} is none of auto, cpu, cuda, cuda:N, mps")
    num_devices = 1
    if device.type == "cuda":
        num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    elif device.type == "mps":
        num_devices = int(torch.backends.mps.is_available())
    if (device.index or 0) >= num_devices:
        raise InvalidInputError(
            f"device {name!r} is not here: torch finds {num_devices} {device.type} devices; "
            "auto and cpu are always there"
        )


def device_name(device: torch.device) -> str:
    """What the maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
