"""Where the time of a request goes: kept with the request, told by whoever does the work.

The record travels in a context variable, so it follows the request into tasks and worker threads.
The device's thread serves many requests at once and is in none of their contexts: what it measured
is told by the request that waited for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["decode", "queue", "predict", "encode"]
"""Bytes to arrays; waiting for the device; on the device; arrays to bytes."""


@dataclass(slots=True)
class StageTimes:
    """What one request has spent so far."""

    seconds: dict[Stage, float] = field(default_factory=dict)
    batch_size: int | None = None
    """Items in the batch that the request's item went through the device with."""


_current: ContextVar[StageTimes | None] = ContextVar("habitus_stages", default=None)


class recorded_stages:  # noqa: N801  (used like contextlib's)
    """Open a record for the request that runs in this context."""

    __slots__ = ("_times", "_token")

    def __enter__(self) -> StageTimes:
        """The record, empty."""
        self._times = StageTimes()
        self._token = _current.set(self._times)
        return self._times

    def __exit__(self, *_: object) -> None:
        """What comes later belongs to no request."""
        _current.reset(self._token)


def record_stage(name: Stage, seconds: float) -> None:
    """Add to a stage of the request that runs in this context; outside of one it says nothing.

    Args:
        name: The stage.
        seconds: Added to what the stage has taken already, as when two meshes are made.
    """
    if (times := _current.get()) is not None:
        times.seconds[name] = times.seconds.get(name, 0.0) + seconds


def record_batch_size(size: int) -> None:
    """Say how many items shared the batch of this request's item."""
    if (times := _current.get()) is not None:
        times.batch_size = size


@contextmanager
def timed_stage(name: Stage) -> Iterator[None]:
    """Record how long the block takes, also when it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        record_stage(name, time.perf_counter() - started)
