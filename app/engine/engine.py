"""Dynamic batching: one queue for all devices, items in, results out.

A request is admitted or refused; an admitted request may submit items. A free device takes what is
queued, up to a full batch. Without a timer a single request never waits, and a busy device gets
fuller batches. An item leaves the queue when its client disconnects or its deadline passes.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TypeVar

import anyio

from app.engine.batch_runner import BatchPredictor, DeviceFaultError
from app.engine.devices import Device
from app.engine.queue import EngineClosedError, Job, JobQueue, QueueFullError, settle
from app.engine.worker import DeviceWorker
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import record_batch_size, record_stage

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
WATCHDOG_S = 120.0
"""A slow batch takes seconds."""
CLOSE_TIMEOUT_S = 10.0
"""For the last batches when the engine closes."""


class Engine:
    """The queue and the threads of the devices."""

    def __init__(
        self,
        metrics: Metrics,
        devices: Sequence[Device] = (Device(),),
        *,
        max_batch: int = 8,
        max_queue: int = 32,
        max_wait_s: float = 0,
        watchdog_s: float = WATCHDOG_S,
    ) -> None:
        """Nothing runs yet.

        Args:
            metrics: Where batches are counted.
            devices: At least one.
            max_batch: Most items that a device takes at once.
            max_queue: Most requests that are admitted at the same time.
            max_wait_s: How long a device waits for a batch to fill.
            watchdog_s: A device that works on a batch for longer is considered stuck.
        """
        self.fault: BaseException | None = None
        """Set when only a new process helps."""
        self._draining = False
        self._max_queue = max_queue
        self._watchdog_s = watchdog_s
        self._num_requests = 0
        overlaps = any(device.overlaps for device in devices)
        self._jobs = JobQueue(max_wait_s, len(devices), overlaps=overlaps)
        self._workers = [
            DeviceWorker(device, self._jobs, max_batch, metrics, self._fail) for device in devices
        ]
        metrics.admitted_requests.set_function(lambda: self._num_requests)
        metrics.admitted.set_function(lambda: self._jobs.num_admitted)
        metrics.queue_depth.set_function(lambda: self._jobs.num_waiting)

    def start(self) -> None:
        """Start the devices' threads, which warm up first; items may be submitted already."""
        for worker in self._workers:
            worker.start()

    def drain(self) -> None:
        """Become unready; items are still accepted."""
        self._draining = True

    def close(self) -> None:
        """Accept no more items, finish the accepted ones, and stop the threads.

        Results reach their requests through the event loop, so call this from another thread
        while the loop still runs.
        """
        self._draining = True
        self._jobs.close(
            EngineClosedError("the server is shutting down; ask again when it is back")
        )
        for worker in self._workers:
            if not worker.join(CLOSE_TIMEOUT_S):
                _log.error("%s did not end; it is left behind", worker.device.name)

    @property
    def alive(self) -> bool:
        """Whether every device works."""
        return self.failure is None

    @property
    def failure(self) -> str | None:
        """Why only a new process helps; None: every device works.

        Warm-up is not timed. The failure ends when a stuck batch ends.
        """
        if self.fault is not None:
            return str(self.fault)
        if not all(worker.alive for worker in self._workers):
            return "a device's thread has ended; the server must be restarted"
        busy_s = max(worker.busy_s for worker in self._workers)
        if busy_s > self._watchdog_s:
            return (
                f"a device has worked on one batch for {busy_s:.0f} s, and "
                f"{self._watchdog_s:g} s are allowed; the server must be restarted"
            )
        return None

    @property
    def unready(self) -> str | None:
        """Why requests should not be sent here; None: ready."""
        if self.fault is not None:
            return str(self.fault)
        if self._draining:
            return "the server is shutting down"
        if not all(worker.warm.is_set() for worker in self._workers):
            return "the predictors are warming up"
        return self.failure

    @property
    def num_admitted(self) -> int:
        """Items queued and running."""
        return self._jobs.num_admitted

    def check_room(self) -> None:
        """Raise if a request that comes now would not be admitted.

        Raises:
            QueueFullError: As many requests are admitted as are allowed.
            EngineClosedError: The server is shutting down.
            DeviceFaultError: A device is lost.
        """
        self._jobs.check_open()
        if self._num_requests >= self._max_queue:
            raise QueueFullError(
                f"{self._max_queue} requests are queued or running, as many as are allowed; "
                "ask again shortly"
            )

    def enter(self) -> None:
        """Admit a request, or raise as `check_room`; `leave` must follow."""
        self.check_room()
        self._num_requests += 1

    def leave(self) -> None:
        """An admitted request no longer needs the devices."""
        self._num_requests -= 1

    async def submit(self, predictor: BatchPredictor[_Item, _Result], item: _Item) -> _Result:
        """The predictor's result for one item.

        The deadline is that of the surrounding anyio scope. When it passes, or when the request is
        cancelled, the item leaves the queue.

        Raises:
            EngineClosedError: The server is shutting down.
            DeviceFaultError: The device is lost, before or while the item waits.
            DeviceMemoryError: The item alone does not fit into the device's memory.
        """
        loop = asyncio.get_running_loop()
        time_left_s = anyio.current_effective_deadline() - loop.time()
        job = Job(predictor, item, loop.create_future(), time.monotonic() + time_left_s)
        self._jobs.add(job)
        try:
            result: _Result = await job.future
        finally:
            self._jobs.withdraw(job)
            if job.done_at:
                record_stage("queue", job.taken_at - job.queued_at)
                record_stage("predict", job.done_at - job.taken_at)
                record_batch_size(job.batch_size)
        return result

    def _fail(self, error: BaseException) -> None:
        """A device or its thread is lost: fail all items, and refuse further ones."""
        fault = error
        if not isinstance(fault, DeviceFaultError):
            fault = DeviceFaultError("a device's thread has ended; the server must be restarted")
        _log.critical("%s", fault, exc_info=error)
        self.fault = fault
        jobs = self._jobs.abandon(fault)
        settle(jobs, [DeviceFaultError(*fault.args) for _ in jobs])
