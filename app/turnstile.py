"""A few at each turn of the event loop.

Hundreds of requests that come, or whose bodies end, at the same time would otherwise hold up those
who ask for less, such as supervisors for health. Small ones may pass together: so a device finds
more than one of them, and a batch costs little more than one.
"""

import asyncio
import time
from collections import deque

MOST = 8
"""So many pass in a turn after turns that were short."""
SHORT_S = 0.001
"""After a turn that is longer, one passes in the next."""


class Turnstile:
    """Lets through as many at each turn of the loop as turns stay short with, in order."""

    def __init__(self) -> None:
        self.turn = 0
        """Another one when others may go through."""
        self._allowed = self._left = 1
        self._began = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Go through: at once where few others do in this turn."""
        loop = asyncio.get_running_loop()
        if self._left == 0:
            place: asyncio.Future[None] = loop.create_future()
            self._waiting.append(place)
            await place
            return
        if self._left == self._allowed:
            self._begin(loop)
        self._left -= 1

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._began = time.perf_counter()
        loop.call_soon(self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self.turn += 1
        is_short = time.perf_counter() - self._began < SHORT_S
        self._allowed = self._left = min(MOST, 2 * self._allowed) if is_short else 1
        while self._left and self._waiting:
            place = self._waiting.popleft()
            if not place.done():  # cancelled with its request
                place.set_result(None)
                self._left -= 1
        if self._left < self._allowed:
            self._begin(loop)
