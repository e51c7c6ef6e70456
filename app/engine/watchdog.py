"""How long the threads of a device have worked on what they do now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class WorkClock:
    """When each thread of a device began its current work, to notice a device that hangs."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    @contextmanager
    def working(self, thread: str) -> Iterator[None]:
        """The work of one thread, by its name."""
        self._since[thread] = time.monotonic()
        try:
            yield
        finally:
            del self._since[thread]

    @property
    def longest_s(self) -> float:
        """Seconds since the oldest current work began; 0 where there is none."""
        now = time.monotonic()
        return max((now - since for since in list(self._since.values())), default=0.0)
