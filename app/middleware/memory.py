"""The memory of request bodies and of decoded pictures, of all requests together."""

import threading

from app.errors import ProblemError
from app.schemas.problems import CROWDED
from app.settings import BYTES_PER_MB

MEMORY_STATE = "memory"
"""Where a request's state holds its claim."""
BYTES_PER_PIXEL = 16
"""3 for the picture, and up to 13 for what is made of it: maps, and the answer before it is sent.
Copies that exist only while a thread works on them are bounded by the number of threads."""


class MemoryBudget:
    """Bytes that requests have claimed."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_claimed = 0
        self.lock = threading.Lock()


class Claim:
    """What one request has claimed. A request that is alone is granted any size.

    Methods may be called from any thread.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._num_bytes = 0

    def add(self, num_bytes: int) -> None:
        """Claim bytes, until `release`.

        Raises:
            ProblemError: The budget is exhausted.
        """
        budget = self._budget
        with budget.lock:
            others = budget.num_claimed - self._num_bytes
            if others and budget.num_claimed + num_bytes > budget.max_bytes:
                raise ProblemError(
                    CROWDED,
                    f"other requests take {others / BYTES_PER_MB:.1f} of "
                    f"{budget.max_bytes / BYTES_PER_MB:.1f} MB and this one needs "
                    f"{(self._num_bytes + num_bytes) / BYTES_PER_MB:.1f} MB; ask again shortly",
                )
            budget.num_claimed += num_bytes
            self._num_bytes += num_bytes

    def add_picture(self, num_pixels: int) -> None:
        """Claim what a picture takes, before it is decoded; raises as `add`."""
        self.add(num_pixels * BYTES_PER_PIXEL)

    def release(self) -> None:
        """Return everything."""
        with self._budget.lock:
            self._budget.num_claimed -= self._num_bytes
            self._num_bytes = 0
