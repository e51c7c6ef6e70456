"""The devices that HABITUS_DEVICE names, and how the engine sees one."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from app.engine.batch_runner import RECOVERY_S, BatchPredictor
from app.settings import ConfigurationError
from model.processors import count_threads

Predictor = BatchPredictor[Any, Any]
NICE = 5
"""A thread of nice 5 gets a third of the time of a thread of nice 0 when both are busy."""


@dataclass(frozen=True)
class Device:
    """A device as the engine sees it."""

    name: str = "cpu"
    replicas: Mapping[Predictor, Predictor] = field(default_factory=dict)
    """The predictor that requests name -> the one on this device; itself where missing."""
    examples: Sequence[tuple[Predictor, Any]] = ()
    """Predictors of this device to warm, each with an item."""
    synchronize: Callable[[], None] = lambda: None
    """Waits for the device's work; raises when the device has failed."""
    recovery_s: float = RECOVERY_S
    """How long batches stay smaller after one did not fit."""
    limits: Mapping[Predictor, int] = field(default_factory=dict)
    """Most items of a batch, for predictors that gain nothing from larger ones."""
    overlaps: bool = False
    """Whether other threads prepare and finish batches while one runs."""


def resolve_devices(names: str) -> list[torch.device]:
    """The devices that HABITUS_DEVICE names, one or more.

    Raises:
        ConfigurationError: One is missing, or named twice.
    """
    if names == "cuda:all":
        names = ",".join(f"cuda:{index}" for index in range(torch.cuda.device_count())) or "cuda"
    devices = [resolve_device(name) for name in names.split(",")]
    if len(set(devices)) < len(devices):
        raise ConfigurationError(f"HABITUS_DEVICE is {names}; it names a device twice")
    return devices


def resolve_device(name: str) -> torch.device:
    """The device of one name.

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


def synchronize(device: torch.device) -> None:
    """Wait for a device's work. A CUDA context that has failed repeats its error at every call.

    Raises:
        RuntimeError: It has failed.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def count_workers(threads: int) -> int:
    """How many batches of so many threads the CPUs hold; at least one."""
    return max(1, count_threads() // threads)


def lower_priority() -> None:
    """Let this thread, and those that it starts, yield the CPU to the threads that answer clients.

    Networks on a CPU use all cores under load. Only Linux has a nice value for each thread.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = min(os.getpriority(os.PRIO_PROCESS, thread) + NICE, 19)
        os.setpriority(os.PRIO_PROCESS, thread, nice)
