"""Training one network with several processes, which torchrun starts.

Each process takes an equal share of every batch. The processes agree on steps and scores through
small tensors on the CPU, so that nothing waits for the device. Gradients go from device to device.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from model.errors import InvalidInputError

PATIENCE = timedelta(hours=4)
"""Longest time that the others wait for the first process to pack data, validate or save."""


@contextmanager
def joined_processes(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun has started; does nothing without torchrun.

    Args:
        device: Of this process. CUDA devices communicate by NCCL, CPUs by gloo.

    Raises:
        InvalidInputError: Processes would share a CUDA device.
    """
    if not is_launched():
        yield
        return
    if device.type == "cuda":
        if device.index != local_rank():
            raise InvalidInputError(
                f"each process of torchrun takes a CUDA device of its own; set the device to auto "
                f"or cuda, not to {device}"
            )
        if device.index >= torch.cuda.device_count():
            raise InvalidInputError(
                f"process {local_rank()} of this machine finds {torch.cuda.device_count()} CUDA "
                "device(s); start as many processes as there are devices"
            )
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_launched() -> bool:
    """Whether torchrun or a compatible launcher has started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def local_rank() -> int:
    """Number of this process among those on its machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_launched() else 0


def num_processes() -> int:
    """Number of processes that have joined."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among all, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process is the one that validates, writes files and logs."""
    return rank() == 0


@contextmanager
def first_process_first() -> Iterator[None]:
    """A block that the first process completes before the others enter it."""
    if not is_first():
        largest(0)
    yield
    if is_first():
        largest(0)


def largest(number: int) -> int:
    """The largest of the processes' numbers. Returns when every process has called it."""
    if num_processes() == 1:
        return number
    found = torch.tensor(number)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def from_first(number: float) -> float:
    """The first process's number."""
    if num_processes() == 1:
        return number
    found = torch.tensor(number, dtype=torch.float64)
    dist.broadcast(found, src=0)
    return float(found)


def means(values: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of each scalar over the processes."""
    found = torch.tensor([float(value) for value in values.values()], dtype=torch.float64)
    if num_processes() > 1:
        dist.all_reduce(found)
        found /= num_processes()
    return dict(zip(values, found.tolist(), strict=True))


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Give every process the mean of the processes' gradients, where DDP does not."""
    if num_processes() == 1:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= num_processes()


def total(value: Tensor) -> Tensor:
    """The sum over the processes, with gradients."""
    if num_processes() == 1:
        return value
    summed: Tensor = _Total.apply(value)  # type: ignore[no-untyped-call]
    return summed


class _Total(Function):
    """A process's value is in the sums of all processes: its gradient is the sum of theirs."""

    @staticmethod
    def forward(_context: FunctionCtx, value: Tensor) -> Tensor:  # type: ignore[override]
        summed = value.detach().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_context: FunctionCtx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        summed = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The part of a process in the weighted mean over the whole batch.

    The mean of the results over the processes, which DDP forms of losses and gradients, is the
    weighted mean over the whole batch. The mean of the processes' own weighted means would not be,
    since the sums of their weights differ.

    All processes must call it. Validation must not, since only the first process validates.

    Args:
        values: Of any shape.
        weights: Of the same shape. If all are 0, the mean is 0.
    """
    weight = total(weights.sum().detach())
    mean = (weights * values).sum() / weight.clamp_min(1e-6)
    return mean * num_processes()
