"""How many pictures this process works on, which decides how a CPU's cores are shared."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Occupancy:
    """Batches at work at the same time, from their preparation to their results."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A batch is at work."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def is_shared(self) -> bool:
        """Whether more than one batch is at work."""
        return self._count > 1


PROCESS = Occupancy()
"""Of this process: all networks share its cores."""
