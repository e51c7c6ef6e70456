"""ASGI middleware: a request ends with its client, and not after its deadline."""

import asyncio
import math

import anyio
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem
from app.problem_kinds import LATE

WATCH_AFTER_S = 0.02
"""How long after its body nobody asks whether a request's client is still there."""


class RequestLifetime:
    """Cancels the work for a request whose client goes away, or that takes too long.

    Servers do not cancel a handler when the connection closes. Once the body has been read, the
    next message can only say that the client is gone, so it is waited for beside the handler. That
    takes a task; a request that is answered within `WATCH_AFTER_S` needs none.
    """

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self.app = app
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on until it is answered, its client gone, or its time up."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with anyio.move_on_after(self.timeout_s) as span:
            exchange = _Exchange(receive, send, span)
            try:
                await self.app(scope, exchange.receive, exchange.send)
            finally:
                exchange.close()
        if span.cancelled_caught and not exchange.client_gone:
            late = (
                f"no result within {self.timeout_s:g} s; the server is busy, or the item is large"
            )
            await problem(scope, LATE, late)(scope, receive, send)


class _Exchange:
    """The messages of one request and its answer."""

    def __init__(self, receive: Receive, send: Send, span: anyio.CancelScope) -> None:
        self._receive = receive
        self._send = send
        self._span = span
        self._gone = asyncio.Event()
        self._answered = False
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def client_gone(self) -> bool:
        """Whether there is nobody to answer."""
        return self._gone.is_set()

    def close(self) -> None:
        """Watch no longer."""
        for watching in (self._timer, self._watch):
            if watching is not None:
                watching.cancel()

    async def receive(self) -> Message:
        """The next part of the body; after the last, the news that the client has gone."""
        if self._timer is not None:
            self._begin_watch()
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._leave()
            await checkpoint()  # where the cancellation arrives
        elif not message.get("more_body", False):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WATCH_AFTER_S, self._begin_watch)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on. Once it has begun, its time is the client's, not the work's."""
        if message["type"] == "http.response.start":
            if self._span.cancel_called:
                await checkpoint()
            self._span.deadline = math.inf
        elif not message.get("more_body", False):
            self._answered = True
        await self._send(message)

    def _begin_watch(self) -> None:
        if self._watch is None:
            self._watch = asyncio.create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        message = await self._receive()
        assert message["type"] == "http.disconnect", "the body was complete"
        self._leave()

    def _leave(self) -> None:
        # A server also says so when the answer is complete.
        if not self._answered:
            self._gone.set()
            self._span.cancel()
