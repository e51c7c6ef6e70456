"""The thread of a device, which alone runs predictors on it.

When free, the thread takes what is queued. On CUDA two more threads overlap with it: while a batch
runs, one prepares the next as soon as that is full, and one turns the last output into results.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.engine.batch_runner import (
    BatchCeiling,
    BatchRunner,
    DeviceFaultError,
    StagedPredictor,
    batch_sizes,
    checked,
)
from app.engine.devices import Device, Predictor, lower_priority
from app.engine.queue import Job, JobQueue, settle
from app.engine.watchdog import WorkClock
from app.telemetry.metrics import Metrics


@dataclass
class _Batch:
    """Jobs for one predictor."""

    jobs: list[Job]
    predictor: Predictor
    is_staged: bool
    """Whether it is prepared, run and finished by three threads."""
    prepared: Any = None

    @property
    def items(self) -> list[Any]:
        return [job.item for job in self.jobs]


class DeviceWorker:
    """The threads of one device."""

    def __init__(
        self,
        device: Device,
        jobs: JobQueue,
        max_batch: int,
        metrics: Metrics,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.device = device
        self.warm = threading.Event()
        self.clock = WorkClock()
        self._jobs = jobs
        self._metrics = metrics
        self._on_fault = on_fault
        self._runner = BatchRunner(BatchCeiling(max_batch, device.recovery_s), device.synchronize)
        # Shared by the threads; under the lock of the queue, except for the raw output.
        self._ahead: _Batch | None = None
        self._preparing = False
        self._running = False
        self._ended = False
        self._num_finishing = 0
        self._unfinished: deque[Job] = deque()
        self._raw: queue.SimpleQueue[tuple[_Batch, Any] | None] = queue.SimpleQueue()
        targets = [self._run] + [self._prepare_ahead, self._finish] * device.overlaps
        self._threads = [
            threading.Thread(
                target=self._guarded, args=(target,), name=f"habitus-{device.name}", daemon=True
            )
            for target in targets
        ]

    def start(self) -> None:
        """Warm the predictors, then serve."""
        for thread in self._threads:
            thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads to end, as they do when the queue is closed and done.

        Returns:
            Whether they ended in time.
        """
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def alive(self) -> bool:
        """Whether every thread runs."""
        return all(thread.is_alive() for thread in self._threads)

    def _guarded(self, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001  (a lost thread is a lost device)
            self._on_fault(error)

    def _run(self) -> None:
        try:
            if not self.device.overlaps:
                lower_priority()
            self._warm_up()
            self.warm.set()
            while (batch := self._next_batch()) is not None:
                with self.clock.working("run"):
                    self._process(batch)
        finally:
            with self._jobs.lock:
                self._ended = True
                self._jobs.wake_locked()
            self._raw.put(None)

    def _warm_up(self) -> None:
        """Run every predictor with every size in `batch_sizes`.

        Raises:
            DeviceFaultError: A predictor fails at its example.
        """
        for predictor, example in self.device.examples:
            for size in batch_sizes(self._limit(predictor)):
                if self._jobs.closed or size > self._runner.ceiling.limit:
                    break
                for outcome in self._runner.run(predictor, [example] * size):
                    if isinstance(outcome, Exception):
                        name = type(predictor).__name__
                        raise DeviceFaultError(f"{name} fails to warm up: {outcome}") from outcome

    def _next_batch(self) -> _Batch | None:
        """Wait for work; None when the queue is closed and done."""
        jobs = self._jobs
        with jobs.lock:
            self._running = False
            while (batch := self._choose_locked()) is None:
                if self._is_done_locked():
                    return None
                jobs.num_idle += 1
                jobs.arrived.wait(
                    None if self._preparing else jobs.time_to_take_locked(self._limit)
                )
                jobs.num_idle -= 1
            self._running = True
            jobs.begin_locked(batch.jobs)
            return batch

    def _choose_locked(self) -> _Batch | None:
        if self._unfinished:
            job = self._unfinished.popleft()
            return _Batch([job], self._local(job.predictor), is_staged=False)
        if self._ahead is not None:
            batch, self._ahead = self._ahead, None
            if not all(job.is_over for job in batch.jobs):
                return batch
        # What is being prepared is older than what is queued.
        if self._preparing or self._jobs.time_to_take_locked(self._limit) != 0:
            return None
        taken = self._jobs.take_locked(self._limit)
        return self._batch(taken) if taken else None

    def _is_done_locked(self) -> bool:
        mine = self._ahead or self._preparing or self._num_finishing or self._unfinished
        return self._jobs.is_done_locked() and not mine

    def _process(self, batch: _Batch) -> None:
        if not batch.is_staged:
            self._settle(batch, self._runner.run(batch.predictor, batch.items))
            return
        try:
            raw = self._launch(batch)
        except Exception as error:  # noqa: BLE001  (as in BatchRunner.run)
            failure = error
        else:
            with self._jobs.lock:
                self._num_finishing += 1
            self._raw.put((batch, raw))
            return
        self._settle(batch, self._runner.recover(batch.predictor, batch.items, failure))

    def _launch(self, batch: _Batch) -> Any:
        """The device's output. In a frame of its own, so that a failure releases its tensors."""
        staged, prepared = batch.predictor, batch.prepared
        batch.prepared = None
        assert isinstance(staged, StagedPredictor)
        if prepared is None:
            prepared = staged.prepare_batch(batch.items)
        raw = staged.run_batch(prepared)
        # Waiting here lets the next batch fill.
        self.device.synchronize()
        return raw

    def _prepare_ahead(self) -> None:
        """While a batch runs, prepare the next one once it is full."""
        jobs = self._jobs
        while True:
            with jobs.lock:
                while not (taken := self._take_ahead_locked()):
                    if self._ended:
                        return
                    jobs.filled.wait()
                self._preparing = True
            batch = self._batch(taken)
            # What fails here fails again in the device's thread, which runs the items one by one.
            with self.clock.working("prepare"), contextlib.suppress(Exception):
                batch.prepared = batch.predictor.prepare_batch(batch.items)  # type: ignore[attr-defined]
            with jobs.lock:
                self._preparing = False
                self._ahead = batch
                jobs.arrived.notify_all()

    def _take_ahead_locked(self) -> list[Job]:
        if not self._running or self._ahead is not None:
            return []
        return self._jobs.take_ahead_locked(self._limit, self._is_staged)

    def _finish(self) -> None:
        """Turn the device's output into results."""
        while (finished := self._raw.get()) is not None:
            batch, raw = finished
            try:
                with self.clock.working("finish"):
                    outcomes = checked(batch.predictor.finish_batch(raw), len(batch.jobs))  # type: ignore[attr-defined]
            except Exception:  # noqa: BLE001  (the items are then run one by one)
                outcomes = None
            if outcomes is not None:
                self._settle(batch, outcomes)
            else:
                self._jobs.end(batch.jobs)
            with self._jobs.lock:
                self._num_finishing -= 1
                self._unfinished.extend(batch.jobs if outcomes is None else ())
                self._jobs.arrived.notify_all()

    def _limit(self, predictor: Predictor) -> int:
        """Most items in a batch."""
        limit = self._runner.ceiling.limit
        return min(limit, self.device.limits.get(self._local(predictor), limit))

    def _local(self, predictor: Predictor) -> Predictor:
        return self.device.replicas.get(predictor, predictor)

    def _is_staged(self, predictor: Predictor) -> bool:
        return self.device.overlaps and isinstance(self._local(predictor), StagedPredictor)

    def _batch(self, jobs: list[Job]) -> _Batch:
        predictor = jobs[0].predictor
        return _Batch(jobs, self._local(predictor), self._is_staged(predictor))

    def _settle(self, batch: _Batch, outcomes: Sequence[Any]) -> None:
        now = time.monotonic()
        jobs = batch.jobs
        for job in jobs:
            job.done_at = now
        self._metrics.observe_batch(
            type(batch.predictor).__name__,
            waits_s=[job.taken_at - job.queued_at for job in jobs],
            duration_s=now - jobs[0].taken_at,
        )
        self._jobs.end(jobs)
        settle(jobs, outcomes)
