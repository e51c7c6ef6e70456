"""Chooses the device, and the number format that a network computes in."""

import platform
from pathlib import Path
from typing import Literal

import torch

from model.errors import InvalidInputError
from model.precision import cpu_prefers_bfloat16
from training.engine.distributed import is_launched, local_rank

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The type that autocast uses; None for float32.

    `auto` is bfloat16 where the device is fast in it, float16 on older CUDA devices, and float32
    elsewhere.

    Raises:
        ValueError: float16 on another device than CUDA.
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
    """The device of a name; `auto` is a CUDA device if there is one, else the CPU.

    Under torchrun, `cuda` is the device with the process's local rank.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and is_launched():
        return torch.device("cuda", local_rank())
    return torch.device(name)


def check_device(name: str) -> None:
    """Check, before any other work, that torch can compute on a device.

    Raises:
        InvalidInputError: It cannot, or there is no device of that name.
    """
    try:
        torch.zeros(1, device=pick_device(name)).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a torch without CUDA
        raise InvalidInputError(
            f"device {name!r} is not available: torch finds {torch.cuda.device_count()} CUDA "
            "devices; auto and cpu are always available, other names are cuda, cuda:N and mps"
        ) from error


def device_name(device: torch.device) -> str:
    """The product name of a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
