"""How long threads have worked on what they do now: a device that hangs never ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class WorkClock:
    """When each of a few threads began with the work that it has not ended yet."""

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
        """Seconds since the oldest of the work that goes on began; 0: nobody works."""
        now = time.monotonic()
        return max((now - since for since in list(self._since.values())), default=0.0)
