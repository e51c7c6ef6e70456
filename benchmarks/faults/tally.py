"""Answers, counted."""

import collections
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

GRACEFUL = {503, 504}
"""The only statuses from 500 on that a server may answer with."""


@dataclass
class Tally:
    """Answers by status; 0: no answer."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)

    @property
    def ungraceful(self) -> dict[int, int]:
        """Those that no client should ever see."""
        return {s: n for s, n in self.statuses.items() if s >= 500 and s not in GRACEFUL}

    def __str__(self) -> str:
        return ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))


def in_threads(calls: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
