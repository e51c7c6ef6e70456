"""ASGI middleware for what uvicorn leaves open: bad heads, refused bodies, slow readers."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem
from app.problem_kinds import BAD_HEAD, HEAD_TOO_LARGE
from app.telemetry.metrics import Metrics

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
LINGER_S = 0.5
"""How long the rest of a refused body is read before its connection closes."""
PART_BYTES = 262_144


class HeadCheck:
    """Refuses a request whose head is larger than `MAX_HEAD_BYTES` or `MAX_HEADERS`.

    Refuses also one that declares its length twice, as Content-Length and as chunks: a proxy may
    have believed the other one. Source: RFC 9112, section 6.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        if {name for name, _ in headers} >= {b"content-length", b"transfer-encoding"}:
            detail = "the request has both Content-Length and Transfer-Encoding; send one of them"
            close = {"Connection": "close"}
            await problem(scope, BAD_HEAD, detail, headers=close)(scope, receive, send)
            return
        num_bytes = len(scope["path"]) + len(scope["query_string"])
        num_bytes += sum(len(name) + len(value) for name, value in headers)
        if num_bytes <= MAX_HEAD_BYTES and len(headers) <= MAX_HEADERS:
            await self.app(scope, receive, send)
            return
        detail = (
            f"the request head has {num_bytes} bytes and {len(headers)} headers; at most "
            f"{MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers are read"
        )
        await problem(scope, HEAD_TOO_LARGE, detail)(scope, receive, send)


class LingeringClose:
    """Reads away what a refused client still sends before its connection closes.

    Closing earlier resets the connection, and the client may lose the answer.
    Source: RFC 9112, section 9.6.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; keep an answer that comes before the whole body open for a while."""
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


class SendTimeout:
    """Closes the connection of a client that does not take its whole answer in time.

    A server takes a message of any size at once and keeps what the client has not taken. Bodies are
    therefore passed on in parts: the server waits for the client between two of them.
    """

    def __init__(self, app: ASGIApp, timeout_s: float, metrics: Metrics) -> None:
        self.app = app
        self.timeout_s = timeout_s
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; discard what is left of its answer when the time is over."""
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
        is_last = end >= len(body)
        more_body = not is_last or message.get("more_body", False)
        yield {**message, "body": body[start:end], "more_body": more_body}
