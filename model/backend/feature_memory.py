"""Which compiled networks keep the memory of their feature maps between batches."""

import threading
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary, WeakSet

IDLE_BATCHES = 8
"""Batches of others in a row after which a compiled network releases its memory."""


@runtime_checkable
class Releasing(Protocol):
    """A compiled network that allocates memory when it runs."""

    def release_memory(self) -> bool:
        """Return that memory; False where that is not possible now, because it runs."""


class FeatureMemory:
    """Lets networks that run keep their memory, and takes it from those that do not.

    Its allocation takes milliseconds of a batch, so that it is not returned after each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: WeakKeyDictionary[Releasing, int] = WeakKeyDictionary()
        """Batches of others since each ran last; -1 where it has released its memory."""
        self._warm: WeakSet[Releasing] = WeakSet()
        """Those that have released the memory of their first batch, which warms up."""

    def has_run(self, network: Releasing) -> None:
        """Called after each batch."""
        with self._lock:
            for other, count in list(self._idle.items()):
                if count >= 0:
                    self._idle[other] = count + 1
            self._idle[network] = 0
            for other, count in list(self._idle.items()):
                is_done = count >= IDLE_BATCHES or (other is network and other not in self._warm)
                if is_done and other.release_memory():
                    self._idle[other] = -1
                    self._warm.add(other)


PROCESS = FeatureMemory()
"""Of all networks of this process."""
