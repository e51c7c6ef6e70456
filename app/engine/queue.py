"""The queue of items for all devices, in order of arrival, and how a batch is formed.

An item leaves the queue when a device takes it, its request is over, or its deadline has passed.
Batches are formed as late as possible, so that they are as full as the load allows.
"""

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.engine.batch_runner import BatchPredictor
from model.errors import HabitusError

_log = logging.getLogger(__name__)


Limit = Callable[[BatchPredictor[Any, Any]], int]
Suits = Callable[[BatchPredictor[Any, Any]], bool]


class QueueFullError(Exception):
    """As many requests are admitted as are allowed."""


class EngineClosedError(Exception):
    """The server is shutting down and accepts no more work."""


@dataclass(eq=False)
class Job:
    """An item and the future of its result. Times are of `time.monotonic`, in seconds."""

    predictor: BatchPredictor[Any, Any]
    item: Any
    future: "asyncio.Future[Any]"
    deadline: float
    queued_at: float = field(default_factory=time.monotonic)
    taken_at: float = 0
    done_at: float = 0
    batch_size: int = 0
    """Items in its batch."""

    @property
    def is_over(self) -> bool:
        """Whether the result is no longer wanted."""
        return self.future.done() or time.monotonic() >= self.deadline


@dataclass
class Slot:
    """A device as the queue sees it."""

    batches: list[list[Job]] = field(default_factory=list)
    """Taken by its threads, and not through with the device: one that runs, and one ahead."""


class JobQueue:
    """Jobs that wait, that were taken, and that run. Methods may be called from any thread."""

    def __init__(
        self, max_wait_s: float = 0, num_devices: int = 1, *, overlaps: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._max_wait_s = max_wait_s
        self._num_devices = num_devices
        self._overlaps = overlaps
        """Whether a device has several threads."""
        self._num_busy = 0
        """Devices that have a batch."""
        self._waiting: dict[Job, None] = {}  # a set in order of arrival
        self._taken: set[Job] = set()
        """Those that run, and those that are next and not withdrawn."""
        self._closed_by: Exception | None = None

    @property
    def num_admitted(self) -> int:
        """Items queued and running."""
        return len(self._waiting) + len(self._taken)

    @property
    def num_waiting(self) -> int:
        """Items that no device has taken."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether no more jobs are accepted."""
        return self._closed_by is not None

    def check_open(self) -> None:
        """Raise the reason if the queue is closed."""
        if self._closed_by is not None:
            raise type(self._closed_by)(*self._closed_by.args)

    def add(self, job: Job) -> None:
        """Add a job, or raise as `check_open` does."""
        with self._lock:
            self.check_open()
            self._waiting[job] = None
            if self._overlaps:
                # Some of the threads that wait are of a device that cannot take the job.
                self._changed.notify_all()
            else:
                self._changed.notify()

    def withdraw(self, job: Job) -> None:
        """Remove a job whose result is no longer wanted, unless it runs."""
        with self._lock:
            self._waiting.pop(job, None)
            if not job.taken_at:
                self._taken.discard(job)

    def close(self, reason: Exception) -> None:
        """Accept no more jobs; those that wait are still run."""
        with self._lock:
            self._closed_by = self._closed_by or reason
            self._changed.notify_all()

    def abandon(self, reason: Exception) -> list[Job]:
        """Accept and run no more jobs; those without a result are returned."""
        with self._lock:
            jobs = [*self._waiting, *self._taken]
            self._closed_by = reason
            self._waiting.clear()
            self._taken.clear()
            self._changed.notify_all()
            return jobs

    def take(self, slot: Slot, limit: Limit, suits: Suits) -> list[Job] | None:
        """Wait for a batch: the oldest job and others for its predictor.

        A free device gets at most its share of the queue, so that the others get work too. A busy
        one gets a full batch ahead, if no device is free. `begin` and `leave` must follow.

        Args:
            slot: Of the device.
            limit: Most jobs of a predictor in a batch.
            suits: Whether batches of a predictor may be taken ahead.

        Returns:
            None where the queue is closed and empty.
        """
        with self._lock:
            while not (batch := self._choose(slot, limit, suits)):
                if self.closed and not self._waiting:
                    return None
                self._changed.wait(None if slot.batches else self._time_to_wait())
            for job in batch:
                del self._waiting[job]
            self._taken.update(batch)
            self._num_busy += not slot.batches
            slot.batches.append(batch)
            return batch

    def begin(self, slot: Slot, batch: list[Job]) -> bool:
        """Wait until the device is through with what was taken before; then the batch may run.

        Returns:
            False where no result is wanted any more.
        """
        with self._lock:
            self._changed.wait_for(lambda: slot.batches[0] is batch)
            if not any(job in self._taken and not job.is_over for job in batch):
                self._taken.difference_update(batch)
                return False
            self._taken.update(batch)
            now = time.monotonic()
            for job in batch:
                job.taken_at, job.batch_size = now, len(batch)
            return True

    def leave(self, slot: Slot, batch: list[Job]) -> None:
        """The device is through with a batch."""
        with self._lock:
            slot.batches.remove(batch)
            self._num_busy -= not slot.batches
            if self._overlaps:
                self._changed.notify_all()

    def end(self, batch: Sequence[Job]) -> None:
        """A batch has its results."""
        with self._lock:
            self._taken.difference_update(batch)

    def _choose(self, slot: Slot, limit: Limit, suits: Suits) -> list[Job]:
        for job in [job for job in self._waiting if job.is_over]:
            del self._waiting[job]
        if not self._waiting:
            return []
        predictor = next(iter(self._waiting)).predictor
        size = limit(predictor)
        is_free = not slot.batches
        if is_free:
            if self._time_to_wait() and not self.closed and len(self._waiting) < size:
                return []
            size = min(size, math.ceil(len(self._waiting) / self._num_devices))
        elif len(slot.batches) > 1 or self._num_busy < self._num_devices or not suits(predictor):
            return []
        batch = list(islice((job for job in self._waiting if job.predictor is predictor), size))
        return batch if is_free or len(batch) == size else []

    def _time_to_wait(self) -> float | None:
        """Seconds for the oldest job to wait for others; None: there is no job."""
        if not self._waiting:
            return None
        oldest = next(iter(self._waiting))
        return max(0, self._max_wait_s - (time.monotonic() - oldest.queued_at))


def settle(jobs: Sequence[Job], outcomes: Sequence[Any]) -> None:
    """Set each job's result or exception, from any thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Any]]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job, outcome))
    for loop, pairs in by_loop.items():
        # A closed loop has no requests left.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_here, pairs)


def _settle_here(pairs: Sequence[tuple[Job, Any]]) -> None:
    for job, outcome in pairs:
        failed = isinstance(outcome, Exception)
        if not job.future.done():
            (job.future.set_exception if failed else job.future.set_result)(outcome)
        elif failed and not isinstance(outcome, HabitusError):
            # The request cannot report it.
            _log.error("a batch failed after its request was over", exc_info=outcome)
