"""One bound for the memory of decoded pictures and of answers that clients have not taken yet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import RefusedError
from app.problem_kinds import CROWDED
from app.settings import BYTES_PER_MB

BYTES_PER_PIXEL = 16
"""3 for the picture, and up to 13 for what is made of it: maps, and the answer before it is sent.
Copies that exist only while a thread works on them are bounded by the number of threads."""


class MemoryBudget:
    """Bytes that requests have claimed. Every method may be called from any thread.

    The first claim is granted whatever its size: how large a picture may be is decided elsewhere.
    """

    def __init__(self, max_bytes: int) -> None:
        self.num_claimed = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def change(self, num_bytes: int) -> None:
        """Claim bytes, or give them back where the number is negative.

        Raises:
            RefusedError: More would be claimed than is allowed.
        """
        with self._lock:
            is_too_much = self.num_claimed + num_bytes > self._max_bytes
            if num_bytes > 0 and self.num_claimed > 0 and is_too_much:
                raise RefusedError(
                    CROWDED,
                    f"pictures and answers take {self.num_claimed / BYTES_PER_MB:.0f} of "
                    f"{self._max_bytes / BYTES_PER_MB:.0f} MB and this request needs "
                    f"{num_bytes / BYTES_PER_MB:.0f} MB more; ask again shortly",
                )
            self.num_claimed += num_bytes


class Claim:
    """What one request has claimed."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.num_bytes = 0

    def resize(self, num_bytes: int) -> None:
        """Claim exactly as many bytes.

        Raises:
            RefusedError: As `MemoryBudget.change`; the claim stays as it was.
        """
        self._budget.change(num_bytes - self.num_bytes)
        self.num_bytes = num_bytes


_current: ContextVar[Claim | None] = ContextVar("habitus_memory", default=None)


@contextmanager
def claiming(budget: MemoryBudget) -> Iterator[Claim]:
    """The claim of the request that runs in this context; at the end it is given back."""
    claim = Claim(budget)
    token = _current.set(claim)
    try:
        yield claim
    finally:
        claim.resize(0)
        _current.reset(token)


def claim_picture(num_pixels: int) -> None:
    """Claim memory for the picture of the request that runs in this context, before decoding it.

    Another call for the same picture claims only what is missing. Outside of a request nothing is
    bounded.

    Raises:
        RefusedError: There is no room for it at the moment.
    """
    if (claim := _current.get()) is not None:
        claim.resize(max(claim.num_bytes, num_pixels * BYTES_PER_PIXEL))
