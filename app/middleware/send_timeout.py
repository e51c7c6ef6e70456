"""ASGI middleware: how long a client may take to receive its answer."""

import asyncio
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.metrics import Metrics

PART_BYTES = 65_536


class SendTimeout:
    """Closes the connection of a client that does not receive its whole answer in time.

    A server buffers a message of any size. A body is therefore passed on in parts: the server waits
    for the client between two of them.
    """

    def __init__(self, app: ASGIApp, timeout_s: float, metrics: Metrics) -> None:
        self.app = app
        self.timeout_s = timeout_s
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; discard the rest of its answer after the time limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        deadline = 0.0
        is_late = False

        async def send_in_time(message: Message) -> None:
            nonlocal deadline, is_late
            if message["type"] == "http.response.start":
                deadline = asyncio.get_running_loop().time() + self.timeout_s
            if is_late:
                return
            try:
                async with asyncio.timeout_at(deadline):
                    for part in _parts(message):
                        await send(part)
            except TimeoutError:
                # The server closes a connection whose answer is not complete.
                is_late = True
                self.metrics.closed_connections.labels("send_timeout").inc()

        await self.app(scope, receive, send_in_time)


def _parts(message: Message) -> Iterator[Message]:
    body: bytes = message.get("body", b"")
    if len(body) <= PART_BYTES:
        yield message
        return
    for start in range(0, len(body), PART_BYTES):
        end = start + PART_BYTES
        more_body = end < len(body) or message.get("more_body", False)
        yield {**message, "body": body[start:end], "more_body": more_body}
