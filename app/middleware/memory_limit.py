"""ASGI middleware: the memory of decoded pictures, and of answers that are not sent yet."""

import threading
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RefusedError, problem
from app.middleware.send_timeout import PART_BYTES
from app.schemas.problems import CROWDED
from app.settings import BYTES_PER_MB
from app.telemetry.metrics import Metrics

BYTES_PER_PIXEL = 16
"""3 for the picture, and up to 13 for what is made of it: maps, and the answer before it is sent.
Copies that exist only while a thread works on them are bounded by the number of threads."""


class MemoryBudget:
    """Bytes that requests have claimed. Its method may be called from any thread.

    The first claim is granted whatever its size; HABITUS_MAX_PIXELS bounds a single picture.
    """

    def __init__(self, max_bytes: int) -> None:
        self.num_claimed = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def change(self, num_bytes: int) -> None:
        """Claim bytes, or return them where the number is negative.

        Raises:
            RefusedError: The budget is exhausted.
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
    """What one request has claimed; a context manager that returns it in the end."""

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

    def __enter__(self) -> "Claim":
        """The claim of the request that runs in this context."""
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Return everything."""
        self.resize(0)
        _current.reset(self._token)


_current: ContextVar[Claim | None] = ContextVar("habitus_memory", default=None)


def claim_picture(num_pixels: int) -> None:
    """Claim memory for the picture of the current request, before decoding it.

    A second call for the same picture claims only what is missing.

    Raises:
        RefusedError: The budget is exhausted.
    """
    if (claim := _current.get()) is not None:
        claim.resize(max(claim.num_bytes, num_pixels * BYTES_PER_PIXEL))


class MemoryLimit:
    """Gives each request a claim: for its picture, and then for its answer until that is sent."""

    def __init__(self, app: ASGIApp, max_bytes: int, metrics: Metrics) -> None:
        self.app = app
        self.budget = MemoryBudget(max_bytes)
        metrics.claimed.set_function(lambda: self.budget.num_claimed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 503 in place of an answer for which there is no room."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with Claim(self.budget) as claim:
            is_refused = False

            async def send_counted(message: Message) -> None:
                nonlocal is_refused
                if message["type"] == "http.response.start":
                    num_bytes = int(dict(message["headers"]).get(b"content-length", 0))
                    try:
                        # The picture is not needed any more. A connection's buffer holds one part.
                        claim.resize(num_bytes if num_bytes > PART_BYTES else 0)
                    except RefusedError as error:
                        is_refused = True
                        await problem(scope, error.kind, error.detail)(scope, receive, send)
                if not is_refused:
                    await send(message)  # returns when all parts but the last are sent

            await self.app(scope, receive, send_counted)
