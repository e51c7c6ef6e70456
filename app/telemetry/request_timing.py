"""Where the time of a request goes.

The record is in a context variable, so it follows the request into tasks and worker threads. The
device's thread serves many requests at once: `Engine.submit` records what it measured.
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
    """Items in the batch that the request's item was in."""


_current: ContextVar[StageTimes | None] = ContextVar("habitus_stages", default=None)


@contextmanager
def recorded_stages() -> Iterator[StageTimes]:
    """Open an empty record for the request that runs in this context."""
    times = StageTimes()
    token = _current.set(times)
    try:
        yield times
    finally:
        _current.reset(token)


def record_stage(name: Stage, seconds: float) -> None:
    """Add to a stage of the current request; outside of one, do nothing."""
    if (times := _current.get()) is not None:
        times.seconds[name] = times.seconds.get(name, 0.0) + seconds


def record_batch_size(size: int) -> None:
    """Record how many items shared the batch of this request's item."""
    if (times := _current.get()) is not None:
        times.batch_size = size


def stage_milliseconds() -> dict[str, float]:
    """What the current request has spent so far, by stage; nothing outside of one."""
    times = _current.get()
    return {} if times is None else {name: 1000 * s for name, s in times.seconds.items()}


@contextmanager
def timed_stage(name: Stage) -> Iterator[None]:
    """Record how long the block takes, also when it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        record_stage(name, time.perf_counter() - started)
