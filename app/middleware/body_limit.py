"""ASGI middleware: size and time of a request body while it arrives, and the size of all bodies."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RefusedError, problem
from app.middleware.paths import route_path
from app.schemas.problems import CROWDED, TOO_LARGE, TOO_SLOW


class BodyLimit:
    """Refuses a body that is too large, declared or not, or too slow, or one too many."""

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
        headers = Headers(scope=scope)
        max_bytes = min(self.max_bytes, self.own_limits.get(route_path(scope), self.max_bytes))
        body = _ArrivingBody(self, receive, max_bytes)

        async def send_closing(message: Message) -> None:
            # After such an answer the client may or may not send its body: the server could not
            # tell the next request from it (RFC 9110, section 10.1.1).
            if message["type"] == "http.response.start" and not body.asked_for:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        send_answer = send_closing if "expect" in headers else send
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > max_bytes:
            await problem(scope, TOO_LARGE, body.too_large)(scope, receive, send_answer)
            return
        try:
            await self.app(scope, body.receive, send_answer)
        finally:
            self.num_held -= body.num_received


class _ArrivingBody:
    """The body of one request."""

    def __init__(self, limit: BodyLimit, receive: Receive, max_bytes: int) -> None:
        self._limit = limit
        self._receive = receive
        self._max_bytes = max_bytes
        self._deadline = 0.0
        self._complete = False
        self.asked_for = False
        self.num_received = 0

    @property
    def too_large(self) -> str:
        """The detail of a 413."""
        return f"the body is larger than {self._max_bytes} bytes, as much as is read here"

    async def receive(self) -> Message:
        """The next part of the body; after the last, the client's disconnect.

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
        num_bytes = len(message.get("body", b""))
        self.num_received += num_bytes
        self._limit.num_held += num_bytes
        if self.num_received > self._max_bytes:
            raise RefusedError(TOO_LARGE, self.too_large)
        if self._limit.num_held > self._limit.max_total_bytes:
            raise RefusedError(
                CROWDED, "too many bodies are arriving at the same time; ask again shortly"
            )
        return message
