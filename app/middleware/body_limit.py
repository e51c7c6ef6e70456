"""ASGI middleware at the door: the API key, and the body while it arrives."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RefusedError, problem
from app.middleware.keys import KeyRing
from app.middleware.paths import HEALTH_PREFIXES, route_path
from app.problem_kinds import CROWDED, TOO_LARGE, TOO_SLOW, UNAUTHORIZED

API_KEY_HEADER = "X-API-Key"
_KEYLESS_PREFIXES = (*HEALTH_PREFIXES, "/docs/", "/problems/")
"""Supervisors hold no keys."""
_KEYLESS_PATHS = {"/docs", "/openapi.json", "/problems"}
"""The contract is no secret, and a browser that follows a link sends no key."""
KEY_STATE = "api_key_digest"
"""Where a request's state holds the digest of the key that it came with."""


class ApiKeyGate:
    """Lets a request through only with one of the keys, before its body is read."""

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _needs_no_key(route_path(scope)):
            await self.app(scope, receive, send)
            return
        offered = _offered_key(Headers(scope=scope))
        digest = self.keys.match((offered or "").encode("latin-1"))
        if digest is not None:
            scope["state"][KEY_STATE] = digest
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
    """Bounds a body while it arrives: its size, declared or not, its time, and all of them."""

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        max_total_bytes: int,
        timeout_s: float,
        own_limits: Mapping[str, int] | None = None,
    ) -> None:
        """No body is held yet.

        Args:
            app: Gets the requests.
            max_bytes: Of one body.
            max_total_bytes: Of all bodies whose requests are not answered yet.
            timeout_s: For one body to arrive.
            own_limits: Smaller ones, by path.
        """
        self.app = app
        self.max_bytes = max_bytes
        self.own_limits = own_limits or {}
        self.max_total_bytes = max_total_bytes
        self.timeout_s = timeout_s
        self.num_held = 0
        """Bytes of the bodies whose requests are not answered yet."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on until its body is too large or too slow."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared, expects = b"", False
        for name, value in scope["headers"]:
            if name == b"content-length":
                declared = value
            elif name == b"expect":
                expects = True
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        max_bytes = min(self.max_bytes, self.own_limits.get(path, self.max_bytes))
        body = _ArrivingBody(self, receive, max_bytes)

        async def send_closing(message: Message) -> None:
            # The client may send its body or not after such an answer: the next request cannot
            # be told from it (RFC 9110, section 10.1.1).
            if message["type"] == "http.response.start" and not body.asked_for:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        send_answer = send_closing if expects else send
        if declared.isdigit() and int(declared) > body.max_bytes:
            refusal = problem(scope, TOO_LARGE, body.too_large)
            await refusal(scope, receive, send_answer)
            return
        try:
            await self.app(scope, body.receive, send_answer)
        finally:
            self.num_held -= body.num_received


class _ArrivingBody:
    """The body of one request."""

    def __init__(self, limit: BodyLimit, receive: Receive, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._limit = limit
        self._receive = receive
        self._deadline = 0.0
        self._complete = False
        self.asked_for = False
        self.num_received = 0

    @property
    def too_large(self) -> str:
        """What a client is told whose body is too large."""
        return f"the body is larger than {self.max_bytes} bytes, as much as is read here"

    async def receive(self) -> Message:
        """The next part, or after the last what becomes of the client.

        Raises:
            RefusedError: Too much, or too late.
        """
        if self._complete:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if not self.asked_for:
            self.asked_for = True
            self._deadline = loop.time() + self._limit.timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise RefusedError(
                TOO_SLOW,
                f"{self.num_received} bytes of the body arrived within "
                f"{self._limit.timeout_s:g} s, and not all",
            ) from None
        self._complete = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return message

    def _count(self, num_bytes: int) -> None:
        self.num_received += num_bytes
        self._limit.num_held += num_bytes
        if self.num_received > self.max_bytes:
            raise RefusedError(TOO_LARGE, self.too_large)
        if self._limit.num_held > self._limit.max_total_bytes:
            raise RefusedError(
                CROWDED, "too many bodies are arriving at the same time; ask again shortly"
            )


def _needs_no_key(path: str) -> bool:
    return path in _KEYLESS_PATHS or path.startswith(_KEYLESS_PREFIXES)


def _offered_key(headers: Headers) -> str | None:
    if API_KEY_HEADER in headers:
        return headers[API_KEY_HEADER]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
