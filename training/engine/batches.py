"""Which samples make up which step, and the workers that make them."""

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
    """A part of a run in which pictures and batches have one size."""

    image_size: int
    """Side of the network's input, in pixels."""
    steps: int
    batch_size: int
    strip: int | None = None
    """Columns that are learned from, around the person; all of them where it is left out."""

    def __post_init__(self) -> None:
        """Refuse an empty stage.

        Raises:
            ValueError: Something is not positive, or a strip is wider than the picture.
        """
        for name in ("image_size", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.strip is not None and not 1 <= self.strip <= self.image_size:
            raise ValueError(f"strip is {self.strip}; 1 to {self.image_size} is possible")


@dataclass(frozen=True)
class SampleKey:
    """All that a sample depends on, besides the run's seed."""

    index: int
    """Number of the sample since the start of the run."""
    image_size: int
    """Side of the network's input, in pixels."""
    strip: int | None = None
    """Columns that are learned from, around the person; all of them where it is None."""


class StagedBatches(Sampler[list[SampleKey]]):
    """The keys of each step's samples, from any step on.

    Each of N processes takes every Nth sample of a batch: everybody's first part of a share is then
    together the first part of the batch, as accumulation needs it.
    """

    def __init__(
        self, stages: Sequence[Stage], first_step: int = 0, rank: int = 0, num_processes: int = 1
    ) -> None:
        """Plan a run.

        Args:
            stages: In order.
            first_step: From 0; where to continue.
            rank: Of this process, from 0.
            num_processes: That share each batch.
        """
        self.stages = tuple(stages)
        self.first_step = first_step
        self.rank = rank
        self.num_processes = num_processes

    def __len__(self) -> int:
        """Steps that are left."""
        return max(0, num_steps(self.stages) - self.first_step)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """One list of keys a step."""
        step = index = 0
        for stage in self.stages:
            for _ in range(stage.steps):
                if step >= self.first_step:
                    numbers = range(index, index + stage.batch_size)[
                        self.rank :: self.num_processes
                    ]
                    yield [SampleKey(n, stage.image_size, stage.strip) for n in numbers]
                step += 1
                index += stage.batch_size


def num_steps(stages: Sequence[Stage]) -> int:
    """Of all stages together."""
    return sum(stage.steps for stage in stages)


def check_shares(stages: Sequence[Stage], num_processes: int, accumulate: int) -> None:
    """See that every batch can be shared out.

    Args:
        stages: Of the run.
        num_processes: That have equal shares of each batch.
        accumulate: Equal parts that each takes its share in.

    Raises:
        InvalidInputError: A batch size is no multiple of their product.
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
    """Batches in the sampler's order, made ahead by worker processes.

    Args:
        samples: Each a function of its key alone, so that the number of workers changes nothing.
        batches: Keys of each batch.
        num_workers: Processes; 0 makes the samples in this one.
        device: Where batches will go: pinned memory for CUDA.
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
