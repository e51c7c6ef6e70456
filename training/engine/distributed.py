"""Several processes that train one network together; torchrun starts them.

Each takes an equal share of every batch. What they agree upon goes through small tensors on the
CPU, so that nothing waits for the device; gradients and statistics go from device to device.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from model.errors import InvalidInputError

PATIENCE = timedelta(hours=4)
"""How long the others wait for the first process to pack data, to judge, or to save."""


@contextmanager
def joined_processes(device: torch.device) -> Iterator[None]:
    """Meet the processes that torchrun has started; without torchrun this one is alone.

    Args:
        device: Of this process; CUDA devices talk by NCCL, CPUs by gloo.

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
    """Whether torchrun, or something that speaks as it does, has started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def local_rank() -> int:
    """Number of this process among those on its machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_launched() else 0


def num_processes() -> int:
    """That have joined."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process is the one that judges, writes and talks."""
    return rank() == 0


@contextmanager
def first_process_first() -> Iterator[None]:
    """A block that the first process goes through before the others enter it."""
    if not is_first():
        wait_for_all()
    yield
    if is_first():
        wait_for_all()


def wait_for_all() -> None:
    """Return when every process has come here."""
    largest(0)


def largest(number: int) -> int:
    """The largest of the processes' numbers, for all of them."""
    if num_processes() == 1:
        return number
    found = torch.tensor(number)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def from_first(number: float) -> float:
    """The first process's number, for all of them."""
    if num_processes() == 1:
        return number
    found = torch.tensor(number, dtype=torch.float64)
    dist.broadcast(found, src=0)
    return float(found)


def means(values: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean over processes of each scalar."""
    found = torch.tensor([float(value) for value in values.values()], dtype=torch.float64)
    if num_processes() > 1:
        dist.all_reduce(found)
        found /= num_processes()
    return dict(zip(values, found.tolist(), strict=True))


def total(value: Tensor) -> Tensor:
    """The sum over processes, for all of them; its gradient is the sum of their gradients."""
    if num_processes() == 1:
        return value
    summed: Tensor = _Total.apply(value)  # type: ignore[no-untyped-call]
    return summed


class _Total(Function):
    """Every process's value counts in every process's sum, so its gradient is the sum of theirs."""

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
    """The mean of what counts, over the batches of all processes.

    A process gives its own part of the sum over everybody's weights, times the number of
    processes. The mean over processes, which is what becomes of their losses and gradients, is then
    the mean over the whole batch; a mean of each process's own mean would not be, since their
    weights differ. A plain mean over equal shares needs no such care.

    Every process must come here, and judging must not: only the first process judges.

    Args:
        values: Of any shape.
        weights: Of the same shape; nothing counts where all are 0, and the mean is 0.
    """
    weight = total(weights.sum().detach())
    mean = (weights * values).sum() / weight.clamp_min(1e-6)
    return mean * num_processes()
