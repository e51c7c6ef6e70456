"""Assigns samples to steps, and loads them with worker processes."""

import atexit
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from model.errors import InvalidInputError


@dataclass(frozen=True)
class Stage:
    """A part of a run with one picture size and one batch size."""

    image_size: int
    """Side of the network's input, in pixels; 0 for networks that take no pictures."""
    steps: int
    batch_size: int

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A size is negative, or another number not positive.
        """
        if self.image_size < 0:
            raise ValueError(f"image_size is {self.image_size}; it must not be negative")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")


@dataclass(frozen=True)
class SampleKey:
    """All that a sample depends on besides the seed of the run."""

    index: int
    """Number of the sample in the run, from 0."""
    image_size: int
    """Side of the network's input, in pixels."""


class StagedBatches(Sampler[list[SampleKey]]):
    """The keys of the samples of each step, from any step on.

    Each of N processes takes every Nth sample of a batch. The first parts of all shares are then
    the first part of the batch, as gradient accumulation needs it.
    """

    def __init__(
        self, stages: Sequence[Stage], first_step: int = 0, rank: int = 0, num_processes: int = 1
    ) -> None:
        """Create the sampler of one process.

        Args:
            stages: In order.
            first_step: The step to continue with, from 0.
            rank: Of this process, from 0.
            num_processes: Number of processes that share each batch.
        """
        self.stages = tuple(stages)
        self.first_step = first_step
        self.rank = rank
        self.num_processes = num_processes

    def __len__(self) -> int:
        """The number of remaining steps."""
        return max(0, num_steps(self.stages) - self.first_step)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """One list of keys for each step."""
        step = index = 0
        for stage in self.stages:
            for _ in range(stage.steps):
                if step >= self.first_step:
                    numbers = range(index, index + stage.batch_size)[
                        self.rank :: self.num_processes
                    ]
                    yield [SampleKey(n, stage.image_size) for n in numbers]
                step += 1
                index += stage.batch_size


def num_steps(stages: Sequence[Stage]) -> int:
    """The number of steps of all stages."""
    return sum(stage.steps for stage in stages)


def check_shares(stages: Sequence[Stage], num_processes: int, accumulate: int) -> None:
    """Check that every batch can be divided into equal shares.

    Args:
        stages: Of the run.
        num_processes: Number of shares of each batch.
        accumulate: Number of parts of each share.

    Raises:
        InvalidInputError: A batch size is not a multiple of their product.
    """
    shares = num_processes * accumulate
    for number, stage in enumerate(stages):
        if stage.batch_size % shares:
            raise InvalidInputError(
                f"stages.{number}.batch_size is {stage.batch_size}; with {num_processes} "
                f"process(es) and accumulate = {accumulate} it must be a multiple of {shares}"
            )


def batch_loader(
    samples: Dataset[Any], batches: Sampler[list[Any]], num_workers: int, device: torch.device
) -> DataLoader[Any]:
    """Batches in the sampler's order, loaded ahead by worker processes.

    Args:
        samples: Each depends on its key only, so that the number of workers has no effect.
        batches: Keys of each batch.
        num_workers: Number of processes; with 0, this process loads the samples.
        device: Memory is pinned for CUDA devices.
    """
    if num_workers < 0:
        raise InvalidInputError(f"num_workers is {num_workers}; it must not be negative")
    workers: dict[str, Any] = {}
    if num_workers:
        atexit.unregister(_end_workers)
        atexit.register(_end_workers)
        # Not fork: a fork of a process with threads (torch, CUDA, Warp) may hang.
        workers = {
            "multiprocessing_context": "forkserver",
            "prefetch_factor": 4,
            "worker_init_fn": _ignore_interrupts,
        }
    return DataLoader(
        samples,
        batch_sampler=batches,
        num_workers=num_workers,
        pin_memory=device.type == "cuda",
        **workers,
    )


def _ignore_interrupts(_worker: int) -> None:
    """Leave SIGINT and SIGTERM, which schedulers send to every process, to the training loop.

    Workers end when the loop ends or when its process is gone.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_workers() -> None:
    """End the workers that are left when the interpreter exits.

    Some are while anything, such as a traceback, still refers to the batches. multiprocessing would
    send them SIGTERM, which they ignore, and wait for them.
    """
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
