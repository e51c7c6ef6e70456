"""ASGI middleware: clients that still send their body can read an answer that ends the connection.

Closing at once would reset the connection under such a client and take the answer from it.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 0.5
"""How long what a refused client still sends is read and discarded."""


class EarlyAnswers:
    """Reads the rest of a body for a while before the end of an answer that closes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        closes = scope["http_version"] != "1.1" or _says_close(scope["headers"])
        is_whole = False

        async def receive_noted() -> Message:
            nonlocal is_whole
            message = await receive()
            is_whole = not message.get("more_body", False)
            return message

        async def send_lingering(message: Message) -> None:
            nonlocal closes
            if message["type"] == "http.response.start":
                closes = closes or _says_close(message.get("headers", ()))
            elif closes and not is_whole and not message.get("more_body", False):
                await send({**message, "more_body": True})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_S):
                        while not is_whole:
                            await receive_noted()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receive_noted, send_lingering)


def _says_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"connection" and b"close" in value.lower() for name, value in headers
    )
