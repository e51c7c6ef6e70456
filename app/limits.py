"""ASGI middleware at the door: the API key, and the size of the body while it arrives."""

import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TOO_LARGE, UNAUTHORIZED, problem

API_KEY_HEADER = "X-API-Key"
OPEN_PREFIX = "/health/"
"""Supervisors hold no keys."""


class ApiKeyGate:
    """Lets a request through only with one of the keys, before its body is read."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_PREFIX):
            await self.app(scope, receive, send)
            return
        offered = _offered_key(Headers(scope=scope))
        # Every key is compared, each in constant time: neither the match nor its place shows.
        matches = [secrets.compare_digest((offered or "").encode(), key) for key in self.keys]
        if any(matches):
            await self.app(scope, receive, send)
            return
        found = "no API key was sent" if offered is None else "the API key is not known"
        refusal = problem(
            scope,
            UNAUTHORIZED,
            f"{found}; send {API_KEY_HEADER}: KEY or Authorization: Bearer KEY",
        )
        await refusal(scope, receive, send)


class BodyLimit:
    """Cuts a body that is too large while it arrives, whether it declared its size or not."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.detail = f"the body is larger than {max_bytes} bytes, as much as is read"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on until its body is too large."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            await problem(scope, TOO_LARGE, self.detail)(scope, receive, send)
            return
        num_received = 0

        async def receive_counted() -> Message:
            nonlocal num_received
            message = await receive()
            num_received += len(message.get("body", b""))
            if num_received > self.max_bytes:
                # The one type that FastAPI lets through from inside its parsing of bodies.
                raise HTTPException(TOO_LARGE.status, self.detail)
            return message

        await self.app(scope, receive_counted, send)


def _offered_key(headers: Headers) -> str | None:
    if API_KEY_HEADER in headers:
        return headers[API_KEY_HEADER]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
