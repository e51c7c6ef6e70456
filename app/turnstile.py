"""One at each turn of the event loop.

Hundreds of requests that come, or whose bodies end, at the same time would otherwise hold up those
who ask for less, such as supervisors for health.
"""

import asyncio
from collections import deque


class Turnstile:
    """Lets through one at each turn of the loop, in order of arrival."""

    def __init__(self) -> None:
        self.turn = 0
        """Another one when the next may go through."""
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Go through: at once where nobody else does in this turn."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._next, loop)
            return
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        await place

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self.turn += 1
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():  # cancelled with its request
                place.set_result(None)
                loop.call_soon(self._next, loop)
                return
        self._is_taken = False
