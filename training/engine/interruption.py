"""SIGINT and SIGTERM as requests that the training loop grants after the current step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def noted_signals() -> Iterator[list[signal.Signals]]:
    """Note the first SIGINT or SIGTERM of the block in the list instead of acting on it.

    After it, SIGINT has its usual effect, for a person who presses Ctrl-C twice. Another SIGTERM is
    ignored, since a cluster's scheduler and torchrun may both send one for the same stop.
    """
    noted: list[signal.Signals] = []
    before: dict[signal.Signals, Any] = {}

    def note(number: int, _frame: FrameType | None) -> None:
        if not noted:
            noted.append(signal.Signals(number))
            signal.signal(signal.SIGINT, before[signal.SIGINT])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
