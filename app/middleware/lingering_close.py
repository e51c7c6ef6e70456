"""ASGI middleware: how a connection closes whose request body was refused."""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 0.5
"""How long the rest of a refused body is read before its connection closes."""


class LingeringClose:
    """Reads what a refused client still sends before its connection closes.

    Closing earlier resets the connection, and the client may lose the answer.
    Source: RFC 9112, section 9.6.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; delay the end of an answer that comes before the whole body."""
        if scope["type"] != "http" or not _announces_body(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        is_read = False
        closes = scope["http_version"] == "1.0" or _says_close(Headers(scope=scope))

        async def receive_noted() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = is_read or not message.get("more_body", False)
            return message

        async def send_lingering(message: Message) -> None:
            nonlocal closes
            if message["type"] == "http.response.start":
                closes = closes or _says_close(Headers(raw=message["headers"]))
            elif closes and not is_read and not message.get("more_body", False):
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_S):
                        while not is_read:
                            await receive_noted()
                message = {"type": "http.response.body"}
            await send(message)

        await self.app(scope, receive_noted, send_lingering)


def _announces_body(headers: Headers) -> bool:
    """Whether a body comes without being asked for (RFC 9110, section 10.1.1: Expect)."""
    return ("content-length" in headers or "transfer-encoding" in headers) and (
        "expect" not in headers
    )


def _says_close(headers: Headers) -> bool:
    return "close" in headers.get("connection", "").lower()
