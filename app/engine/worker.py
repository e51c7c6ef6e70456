"""The threads of a device, which take batches and run them.

A CPU has one thread. CUDA has three, which take turns at the device: while one runs a batch,
another prepares the next as soon as that is full, and the third turns the last output into results.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
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
from app.engine.queue import Job, JobQueue, Slot, settle
from app.telemetry.metrics import Metrics

NUM_THREADS = 3
"""Of a device that overlaps: a batch is prepared, run or finished."""


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
        self._jobs = jobs
        self._metrics = metrics
        self._on_fault = on_fault
        self._runner = BatchRunner(BatchCeiling(max_batch, device.recovery_s), device.synchronize)
        self._slot = Slot()
        self._turn = threading.Lock()
        """Held by the thread that uses the device."""
        self._busy_since: dict[int, float] = {}
        """By thread."""
        self._threads = [
            threading.Thread(
                target=self._guarded, args=(target,), name=f"habitus-{device.name}", daemon=True
            )
            for target in [self._warm_and_serve]
            + [self._serve] * (NUM_THREADS - 1) * device.overlaps
        ]

    def start(self) -> None:
        """Warm the predictors in one thread, which then starts the others."""
        self._threads[0].start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads to end, as they do when the queue is closed and done.

        Returns:
            Whether they ended in time.
        """
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def alive(self) -> bool:
        """Whether every thread that was started runs."""
        first, *others = self._threads
        return first.is_alive() and all(
            thread.is_alive() for thread in others if thread.ident is not None
        )

    @property
    def busy_s(self) -> float:
        """Seconds since the oldest current batch was taken; 0 where there is none."""
        now = time.monotonic()
        return max((now - since for since in list(self._busy_since.values())), default=0.0)

    def _guarded(self, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001  (a lost thread is a lost device)
            self._on_fault(error)

    def _warm_and_serve(self) -> None:
        if not self.device.overlaps:
            lower_priority()
        self._warm_up()
        for thread in self._threads[1:]:
            thread.start()
        self.warm.set()
        self._serve()

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

    def _serve(self) -> None:
        thread = threading.get_ident()
        while (jobs := self._jobs.take(self._slot, self._limit, self._is_staged)) is not None:
            self._busy_since[thread] = time.monotonic()
            outcomes = self._process(jobs)
            del self._busy_since[thread]
            if outcomes is not None:
                self._settle(jobs, outcomes)

    def _process(self, jobs: list[Job]) -> list[Any] | None:
        """A result or an exception for each job; None if none is wanted any more."""
        predictor, items = self._local(jobs[0].predictor), [job.item for job in jobs]
        raw, outcomes = None, None
        try:
            prepared = self._prepare(predictor, items)
            if not self._jobs.begin(self._slot, jobs):
                return None
            with self._turn:
                if prepared is None:
                    outcomes = self._runner.run(predictor, items)
                else:
                    try:
                        raw = self._launch(predictor, prepared)
                    except Exception as error:  # noqa: BLE001  (it belongs to the requests)
                        outcomes = self._runner.recover(predictor, items, error)
        finally:
            self._jobs.leave(self._slot, jobs)
        return self._finish(predictor, raw, items) if outcomes is None else outcomes

    def _prepare(self, predictor: Predictor, items: Sequence[Any]) -> Any:
        """For `_launch`; None where the whole batch is to be run as one step."""
        if self._is_staged(predictor):
            # What fails here fails again at the device, which then runs the items one by one.
            with contextlib.suppress(Exception):
                return predictor.prepare_batch(items)  # type: ignore[attr-defined]
        return None

    def _launch(self, predictor: Predictor, prepared: Any) -> Any:
        """The device's output. In a frame of its own, so that a failure releases its tensors."""
        raw = predictor.run_batch(prepared)  # type: ignore[attr-defined]
        # Waiting here lets the next batch fill.
        self.device.synchronize()
        return raw

    def _finish(self, predictor: Predictor, raw: Any, items: Sequence[Any]) -> list[Any]:
        """Turn the device's output into results."""
        try:
            return checked(predictor.finish_batch(raw), len(items))  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001  (it belongs to the requests)
            with self._turn:
                return self._runner.recover(predictor, items, error)

    def _limit(self, predictor: Predictor) -> int:
        """Most items in a batch."""
        limit = self._runner.ceiling.limit
        return min(limit, self.device.limits.get(self._local(predictor), limit))

    def _local(self, predictor: Predictor) -> Predictor:
        return self.device.replicas.get(predictor, predictor)

    def _is_staged(self, predictor: Predictor) -> bool:
        return self.device.overlaps and isinstance(self._local(predictor), StagedPredictor)

    def _settle(self, jobs: Sequence[Job], outcomes: Sequence[Any]) -> None:
        now, metrics = time.monotonic(), self._metrics
        name = type(jobs[0].predictor).__name__
        metrics.batch_size.labels(name).observe(len(jobs))
        metrics.batch_seconds.labels(name).observe(now - jobs[0].taken_at)
        for job in jobs:
            job.done_at = now
            metrics.queue_seconds.labels(name).observe(job.taken_at - job.queued_at)
        self._jobs.end(jobs)
        settle(jobs, outcomes)
