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
from typing import Any

from app.engine.batch_runner import BatchPredictor
from model.errors import HabitusError

_log = logging.getLogger(__name__)


Limit = Callable[[BatchPredictor[Any, Any]], int]
"""Most jobs of a predictor in a batch."""


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


class JobQueue:
    """Jobs that wait, that were taken ahead, and that run. Methods may be called from any thread.

    A caller of a method whose name ends in `_locked` holds `lock`.
    """

    def __init__(self, max_wait_s: float = 0, num_devices: int = 1) -> None:
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        """Notifies an idle device of work."""
        self.filled = threading.Condition(self.lock)
        """Notifies a busy device that the next batch may be full."""
        self.num_idle = 0
        """Devices that wait for work."""
        self._max_wait_s = max_wait_s
        self._num_devices = num_devices
        self._waiting: dict[Job, None] = {}  # a set in order of arrival
        self._ahead: set[Job] = set()
        self._num_running = 0
        self._awaited: set[Job] = set()
        self._closed_by: Exception | None = None

    @property
    def num_admitted(self) -> int:
        """Items waiting, taken ahead and running."""
        return len(self._waiting) + len(self._ahead) + self._num_running

    @property
    def num_waiting(self) -> int:
        """Items that no device runs yet."""
        return len(self._waiting) + len(self._ahead)

    def is_done_locked(self) -> bool:
        """Whether the queue is closed and empty."""
        return self.closed and not self._waiting

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
        with self.lock:
            self.check_open()
            self._waiting[job] = None
            self._awaited.add(job)
            if self.num_idle:
                self.arrived.notify()
            else:
                self.filled.notify_all()

    def withdraw(self, job: Job) -> None:
        """Remove a job whose result is no longer wanted, unless it runs."""
        with self.lock:
            self._awaited.discard(job)
            self._waiting.pop(job, None)
            self._ahead.discard(job)

    def close(self, reason: Exception) -> None:
        """Accept no more jobs; those that wait are still run."""
        with self.lock:
            self._closed_by = self._closed_by or reason
            self.wake_locked()

    def abandon(self, reason: Exception) -> list[Job]:
        """Accept and run no more jobs; those without a result are returned."""
        with self.lock:
            self._closed_by = reason
            self._waiting.clear()
            self.wake_locked()
            return list(self._awaited)

    def wake_locked(self) -> None:
        """Notify every thread."""
        self.arrived.notify_all()
        self.filled.notify_all()

    def time_to_take_locked(self, limit: Limit) -> float | None:
        """Seconds until the waiting jobs may be taken; None: there are none."""
        if not self._waiting:
            return None
        oldest = next(iter(self._waiting))
        if self.closed or len(self._waiting) >= limit(oldest.predictor):
            return 0
        waited = time.monotonic() - oldest.queued_at
        return max(0, self._max_wait_s - waited)

    def take_locked(self, limit: Limit) -> list[Job]:
        """A batch: the oldest job and others for its predictor, without jobs that are over.

        At most this device's share of the queue, so that the other devices get work too.
        """
        batch: list[Job] = []
        share = math.ceil(len(self._waiting) / self._num_devices)
        for job in list(self._waiting):
            if job.is_over:
                del self._waiting[job]
            elif not batch or job.predictor is batch[0].predictor:
                del self._waiting[job]
                batch.append(job)
                if len(batch) >= min(share, limit(job.predictor)):
                    break
        return batch

    def take_ahead_locked(
        self, limit: Limit, suits: Callable[[BatchPredictor[Any, Any]], bool]
    ) -> list[Job]:
        """As `take_locked`, but a full batch or nothing; nothing while another device is idle."""
        if self.num_idle or not (alive := [job for job in self._waiting if not job.is_over]):
            return []
        predictor = alive[0].predictor
        batch = [job for job in alive if job.predictor is predictor][: limit(predictor)]
        if len(batch) < limit(predictor) or not suits(predictor):
            return []
        for job in batch:
            del self._waiting[job]
        self._ahead.update(batch)
        return batch

    def begin_locked(self, batch: Sequence[Job]) -> None:
        """A batch begins to run."""
        self._ahead.difference_update(batch)
        self._num_running += len(batch)
        now = time.monotonic()
        for job in batch:
            job.taken_at, job.batch_size = now, len(batch)
        self.filled.notify_all()

    def end(self, batch: Sequence[Job]) -> None:
        """A batch has ended."""
        with self.lock:
            self._num_running -= len(batch)


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
