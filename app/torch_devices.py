"""PyTorch's devices: the ones that HABITUS_DEVICE means, and waiting for their work."""

import torch

from app.settings import ConfigurationError
from model.processors import count_threads


def resolve_devices(names: str) -> list[torch.device]:
    """The devices that HABITUS_DEVICE means on this machine, one or more.

    Raises:
        ConfigurationError: One is not there, or named twice.
    """
    if names == "cuda:all":
        names = ",".join(f"cuda:{index}" for index in range(torch.cuda.device_count())) or "cuda"
    devices = [resolve_device(name) for name in names.split(",")]
    if len(set(devices)) < len(devices):
        raise ConfigurationError(f"HABITUS_DEVICE is {names}; it names a device twice")
    return devices


def resolve_device(name: str) -> torch.device:
    """The device that one name means on this machine.

    Raises:
        ConfigurationError: There is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigurationError("HABITUS_DEVICE is mps; this machine has no Metal device")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ConfigurationError(
                f"HABITUS_DEVICE is {name}; PyTorch sees {count} CUDA devices here"
            )
        return torch.device("cuda", device.index or 0)
    return device


def count_workers(threads: int) -> int:
    """How many batches of so many threads this process's processors hold; at least one."""
    return max(1, count_threads() // threads)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given, without taking any of its memory.

    A CUDA context that has failed repeats its error at every call, until the process ends.

    Raises:
        RuntimeError: It has failed.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
