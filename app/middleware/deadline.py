"""ASGI middleware: a request ends when its client disconnects, and at its deadline."""

import asyncio
import math

import anyio
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ProblemError
from app.schemas.problems import LATE


class Deadline:
    """Cancels the work for a request whose client disconnects, or that takes too long.

    Servers do not cancel a handler when the connection closes. After the body, the next message can
    only be the disconnect, so a task waits for it beside the handler.
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
        if span.cancelled_caught and not exchange.is_client_gone:
            raise ProblemError(
                LATE,
                f"no result within {self.timeout_s:g} s; the server is busy, or the item is large",
            )


class _Exchange:
    """The messages of one request and its answer."""

    def __init__(self, receive: Receive, send: Send, span: anyio.CancelScope) -> None:
        self._receive = receive
        self._send = send
        self._span = span
        self._answered = False
        self._watch: asyncio.Task[None] | None = None
        self.is_client_gone = False

    def close(self) -> None:
        """Stop waiting for the disconnect."""
        if self._watch is not None:
            self._watch.cancel()

    async def receive(self) -> Message:
        """The next part of the body; after the last, the client's disconnect."""
        if self._watch is not None:
            await asyncio.shield(self._watch)
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._leave()
            await checkpoint()  # where the cancellation arrives
        elif not message.get("more_body", False):
            self._watch = asyncio.create_task(self._wait_for_disconnect())
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on; the deadline ends when the answer begins."""
        if message["type"] == "http.response.start":
            if self._span.cancel_called:
                await checkpoint()
            self._span.deadline = math.inf
        elif not message.get("more_body", False):
            self._answered = True
        await self._send(message)

    async def _wait_for_disconnect(self) -> None:
        message = await self._receive()
        assert message["type"] == "http.disconnect", "the body was complete"
        self._leave()

    def _leave(self) -> None:
        # A server also sends a disconnect when the answer is complete.
        if not self._answered:
            self.is_client_gone = True
            self._span.cancel()
