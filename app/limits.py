"""ASGI middleware at the door: the API key, and the size of the body while it arrives."""

import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
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
    """Cuts a body that is too large while it arrives, with a problem document.

    Starlette counts the bytes; its own answer is plain text and is replaced here.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = RequestBodyLimitMiddleware(app, max_body_size=max_bytes)
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on until its body is too large."""
        cut = False

        async def send_problem(message: Message) -> None:
            nonlocal cut
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE.status:
                cut = Headers(raw=message["headers"]).get("content-type", "").startswith("text/")
            if not cut:
                await send(message)

        await self.app(scope, receive, send_problem)
        if cut:
            detail = f"the body is larger than {self.max_bytes} bytes, as much as is read"
            await problem(scope, TOO_LARGE, detail)(scope, receive, send)


def _offered_key(headers: Headers) -> str | None:
    if API_KEY_HEADER in headers:
        return headers[API_KEY_HEADER]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
