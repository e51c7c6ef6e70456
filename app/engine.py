"""One queue before all devices: items in, results out, and how the whole of it stands.

An item is admitted or refused at the door. A device that becomes free takes what is queued, up to a
full batch; there is no timer unless one is asked for, so a lone request never waits and a busy
device is handed fuller batches. An item whose request is over, because the client has gone or the
deadline has passed, leaves the queue at once.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TypeVar

import anyio

from app.device import Device
from app.execution import BatchPredictor, DeviceFaultError
from app.metrics import Metrics
from app.places import spend_place
from app.queueing import EngineClosedError, Job, JobQueue, QueueFullError, settle
from app.stages import record_batch_size, record_stage
from app.worker import DeviceWorker

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_REASONS: dict[type[BaseException], str] = {
    QueueFullError: "queue_full",
    EngineClosedError: "closing",
    DeviceFaultError: "device_fault",
}
STUCK_S = 10.0
"""How long the last batches may take when nobody waits for them any more."""


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
    ) -> None:
        self.fault: BaseException | None = None
        """What only a new process can put right."""
        self._metrics = metrics
        self._refusals = _CountedRefusals(metrics)
        self._draining = False
        self._jobs = JobQueue(max_queue, max_wait_s, len(devices))
        self._workers = [
            DeviceWorker(device, self._jobs, max_batch, metrics, self._fail) for device in devices
        ]
        metrics.admitted.set_function(lambda: self._jobs.num_admitted)
        metrics.queue_depth.set_function(lambda: self._jobs.num_waiting)

    def start(self) -> None:
        """Let the devices' threads warm up and begin; items may be submitted already."""
        for worker in self._workers:
            worker.start()

    def drain(self) -> None:
        """Say that the server is about to stop; items are still taken."""
        self._draining = True

    def close(self) -> None:
        """Take no more items, finish those that were taken, and stop the threads.

        Results reach their requests through the event loop, so call this from another thread
        while the loop still runs.
        """
        self._draining = True
        self._jobs.close(
            EngineClosedError("the server is shutting down; ask again when it is back")
        )
        for worker in self._workers:
            if not worker.join(STUCK_S):
                _log.error("%s did not end; it is left behind", worker.device.name)

    @property
    def alive(self) -> bool:
        """Whether every device works."""
        return self.fault is None and all(worker.alive for worker in self._workers)

    @property
    def unready(self) -> str | None:
        """Why requests should not be sent here; None: they should."""
        if self.fault is not None:
            return str(self.fault)
        if self._draining:
            return "the server is shutting down"
        if not all(worker.warm.is_set() for worker in self._workers):
            return "the predictors are warming up"
        return None

    @property
    def num_admitted(self) -> int:
        """Items queued and running."""
        return self._jobs.num_admitted

    def check_admission(self) -> None:
        """Refuse what `submit` would refuse now.

        Raises:
            QueueFullError: No more items are allowed.
            EngineClosedError: The server is shutting down.
            DeviceFaultError: A device is lost.
        """
        with self._refusals:
            self._jobs.check()

    def reserve(self) -> None:
        """Hold a place for an item that is on its way; refuses as `check_admission` does."""
        with self._refusals:
            self._jobs.reserve()

    def release(self) -> None:
        """An item for which a place is held does not come."""
        self._jobs.release()

    async def submit(self, predictor: BatchPredictor[_Item, _Result], item: _Item) -> _Result:
        """The predictor's result for one item.

        The deadline is that of the surrounding anyio scope. When it passes, or when the request is
        cancelled, the item leaves the queue.

        Raises:
            QueueFullError: No more items are allowed; told at once.
            EngineClosedError: The server is shutting down; told at once.
            DeviceFaultError: The device is lost; also told to those that wait.
            DeviceMemoryError: The item alone does not fit into the device's memory.
        """
        loop = asyncio.get_running_loop()
        deadline = anyio.current_effective_deadline()
        time_left_s = deadline - loop.time()
        job = Job(predictor, item, loop.create_future(), time.monotonic() + time_left_s)
        with self._refusals:
            self._jobs.admit(job, is_reserved=spend_place())
        try:
            result: _Result = await job.future
        except asyncio.CancelledError:
            if loop.time() >= deadline:
                self._metrics.refused.labels("deadline").inc()
            else:
                self._metrics.cancelled.inc()
            raise
        finally:
            self._jobs.withdraw(job)
            if job.done_at:
                record_stage("queue", job.taken_at - job.queued_at)
                record_stage("predict", job.done_at - job.taken_at)
                record_batch_size(job.batch_size)
        return result

    def _fail(self, error: BaseException) -> None:
        """A device or its thread is lost: everybody who waits is told, and nobody is let in."""
        fault = error
        if not isinstance(fault, DeviceFaultError):
            fault = DeviceFaultError("a device's thread has ended; the server must be restarted")
        _log.critical("%s", fault, exc_info=error)
        self.fault = fault
        jobs = self._jobs.abandon(fault)
        settle(jobs, [DeviceFaultError(*fault.args) for _ in jobs])


class _CountedRefusals:
    """A block whose refusals are counted. It keeps nothing: one serves all requests."""

    def __init__(self, metrics: Metrics) -> None:
        self._refused = metrics.refused

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Count it by its reason."""
        if kind is not None and (reason := _REASONS.get(kind)):
            self._refused.labels(reason).inc()
