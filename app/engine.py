"""One thread that owns the device: bounded admission, and batches that fill by themselves.

An item is admitted or refused at the door. When the device becomes free its thread takes what is
queued, up to a full batch; there is no timer unless one is asked for, so a lone request never
waits and a busy device is handed fuller batches. An item whose request is over, because the client
has gone or the deadline has passed, leaves the queue at once.
"""

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.telemetry import Metrics
from model.errors import HabitusError

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Result_co = TypeVar("_Result_co", covariant=True)


class QueueFullError(Exception):
    """As many items are queued and running as are allowed."""


class EngineClosedError(Exception):
    """The server is shutting down and takes no more work."""


class DeadlinePassedError(Exception):
    """The result was not there in time."""


class BatchPredictor(Protocol[_Item_contra, _Result_co]):
    """Whatever turns a list of items into as many results, in order."""

    def predict_batch(self, items: Sequence[_Item_contra], /) -> Sequence[_Result_co]:
        """One result for each item."""


@dataclass(eq=False)
class _Job:
    """An item on its way, and who waits for it."""

    predictor: BatchPredictor[Any, Any]
    item: Any
    future: "asyncio.Future[Any]"
    queued_at: float = field(default_factory=time.monotonic)


class Engine:
    """The queue and the thread of one device."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        max_batch: int = 8,
        max_queue: int = 32,
        max_wait_s: float = 0,
        timeout_s: float = 30,
    ) -> None:
        self._metrics = metrics
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._max_wait_s = max_wait_s
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._num_running = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="habitus-device", daemon=True)
        metrics.admitted.set_function(lambda: self.num_admitted)

    def start(self) -> None:
        """Let the device's thread begin."""
        self._thread.start()

    def close(self) -> None:
        """Take no more items, finish those that were taken, and stop the thread.

        Results reach their requests through the event loop, so call this from another thread
        while the loop still runs.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the device's thread runs."""
        return self._thread.is_alive()

    @property
    def accepting(self) -> bool:
        """Whether new items are taken."""
        return self.alive and not self._closing

    @property
    def num_admitted(self) -> int:
        """Items queued and running."""
        return len(self._queue) + self._num_running

    def check_admission(self) -> None:
        """Refuse now what `submit` would refuse, before work is spent on preparing an item.

        Raises:
            QueueFullError: No more items are allowed.
            EngineClosedError: The server is shutting down.
        """
        if self._closing:
            self._metrics.refused.labels("closing").inc()
            raise EngineClosedError("the server is shutting down; ask again when it is back")
        if self.num_admitted >= self._max_queue:
            self._metrics.refused.labels("queue_full").inc()
            raise QueueFullError(
                f"{self._max_queue} items are queued or running, as many as are allowed; "
                "ask again shortly"
            )

    async def submit(self, predictor: BatchPredictor[_Item, _Result], item: _Item) -> _Result:
        """The predictor's result for one item.

        Raises:
            QueueFullError: No more items are allowed; told at once.
            EngineClosedError: The server is shutting down; told at once.
            DeadlinePassedError: The result was not there in time.
        """
        job = _Job(predictor, item, asyncio.get_running_loop().create_future())
        with self._changed:
            self.check_admission()
            self._queue.append(job)
            self._changed.notify()
        try:
            async with asyncio.timeout(self._timeout_s):
                result: _Result = await job.future
                return result
        except TimeoutError:
            self._metrics.refused.labels("deadline").inc()
            raise DeadlinePassedError(
                f"no result within {self._timeout_s:g} s; the server is busy, or the item is large"
            ) from None
        finally:
            self._withdraw(job)

    def _withdraw(self, job: _Job) -> None:
        """Take a job that nobody waits for any more out of the queue, if it is still there."""
        with self._changed, contextlib.suppress(ValueError):
            self._queue.remove(job)

    def _run(self) -> None:
        """The life of the device's thread."""
        while batch := self._take():
            started = time.monotonic()
            outcomes = _predict(batch[0].predictor, [job.item for job in batch])
            self._metrics.observe_batch(
                type(batch[0].predictor).__name__,
                waits_s=[started - job.queued_at for job in batch],
                duration_s=time.monotonic() - started,
            )
            with self._changed:
                self._num_running = 0
            for job, outcome in zip(batch, outcomes, strict=True):
                # A closed loop means that the request is gone with it.
                with contextlib.suppress(RuntimeError):
                    job.future.get_loop().call_soon_threadsafe(_settle, job.future, outcome)

    def _take(self) -> list[_Job]:
        """Wait for work; then the oldest job, and others for the same predictor.

        Empty when the engine is closing and the queue is done.
        """
        with self._changed:
            while not self._ready():
                self._changed.wait(self._time_to_fill() if self._queue else None)
            predictor = self._queue[0].predictor if self._queue else None
            alike = (job for job in self._queue if job.predictor is predictor)
            batch = list(itertools.islice(alike, self._max_batch))
            for job in batch:
                self._queue.remove(job)
            self._num_running = len(batch)
            return batch

    def _ready(self) -> bool:
        if self._closing or not self._queue:
            return self._closing
        return len(self._queue) >= self._max_batch or self._time_to_fill() <= 0

    def _time_to_fill(self) -> float:
        """Seconds that the oldest job may still wait for others to join it."""
        return self._queue[0].queued_at + self._max_wait_s - time.monotonic()


def _predict(predictor: BatchPredictor[Any, Any], items: Sequence[Any]) -> list[Any]:
    """A result or an exception for each item; one that fails does not fail its neighbours."""
    try:
        return list(predictor.predict_batch(items))
    # Whatever it is, it belongs to the requests that wait, and the thread must go on.
    except Exception as error:  # noqa: BLE001
        if len(items) > 1:
            return [outcome for item in items for outcome in _predict(predictor, [item])]
        return [error]


def _settle(future: "asyncio.Future[Any]", outcome: Any) -> None:
    failed = isinstance(outcome, Exception)
    if not future.done():
        (future.set_exception if failed else future.set_result)(outcome)
    elif failed and not isinstance(outcome, HabitusError):
        # The request is over and cannot report it.
        _log.error("a batch failed after its request was over", exc_info=outcome)
