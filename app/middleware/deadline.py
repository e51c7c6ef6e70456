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
        is_answered = is_client_gone = False
        watch: asyncio.Task[Message] | None = None

        async def next_message() -> Message:
            nonlocal is_client_gone
            message = await receive()
            # A server also sends a disconnect when the answer is complete.
            if message["type"] == "http.disconnect" and not is_answered:
                is_client_gone = True
                span.cancel()
            return message

        async def receive_watched() -> Message:
            nonlocal watch
            if watch is not None:
                return await asyncio.shield(watch)
            message = await next_message()
            if message["type"] == "http.disconnect":
                await checkpoint()  # where the cancellation arrives
            elif not message.get("more_body", False):
                watch = asyncio.create_task(next_message())
            return message

        async def send_in_time(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                if span.cancel_called:
                    await checkpoint()
                span.deadline = math.inf
            elif not message.get("more_body", False):
                is_answered = True
            await send(message)

        with anyio.move_on_after(self.timeout_s) as span:
            try:
                await self.app(scope, receive_watched, send_in_time)
            finally:
                if watch is not None:
                    watch.cancel()
        if span.cancelled_caught and not is_client_gone:
            raise ProblemError(
                LATE,
                f"no result within {self.timeout_s:g} s; the server is busy, or the item is large",
            )
