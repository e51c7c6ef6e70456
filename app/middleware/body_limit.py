"""ASGI middleware: size and time of a request body while it arrives."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ProblemError
from app.middleware.memory import MEMORY_STATE, Claim, MemoryBudget
from app.middleware.paths import route_path
from app.middleware.security_headers import ANSWER_HEADERS
from app.schemas.problems import TOO_LARGE, TOO_SLOW

PART_BYTES = 65_536


class BodyLimit:
    """Refuses a body that is too large, declared or not, too slow, or for which there is no room.

    It gives each request its claim of memory, and takes it back when the answer is sent.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        timeout_s: float,
        budget: MemoryBudget,
        own_limits: Mapping[str, int],
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s
        self.budget = budget
        self.own_limits = own_limits
        """Smaller ones than `max_bytes`, by path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on until its body is too large or too slow."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        max_bytes = min(self.max_bytes, self.own_limits.get(route_path(scope), self.max_bytes))
        too_large = f"the body is larger than {max_bytes} bytes, as much as is read here"
        answer_headers = scope["state"].setdefault(ANSWER_HEADERS, {})
        if "expect" in headers:
            # A client that is answered before it is asked for its body may send it or not: the
            # server could not tell the next request from it (RFC 9110, section 10.1.1).
            answer_headers["Connection"] = "close"
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > max_bytes:
            raise ProblemError(TOO_LARGE, too_large)
        claim = scope["state"][MEMORY_STATE] = Claim(self.budget)
        deadline: float | None = None
        num_received = 0
        is_complete = False

        async def receive_bounded() -> Message:
            nonlocal deadline, num_received, is_complete
            if is_complete:
                return await receive()
            if deadline is None:
                answer_headers.pop("Connection", None)
                deadline = asyncio.get_running_loop().time() + self.timeout_s
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                found = f"{num_received} bytes of the body arrived within {self.timeout_s:g} s"
                raise ProblemError(TOO_SLOW, f"{found}, and not all") from None
            is_complete = not message.get("more_body", False)
            num_bytes = len(message.get("body", b""))
            num_received += num_bytes
            if num_received > max_bytes:
                raise ProblemError(TOO_LARGE, too_large)
            claim.add(num_bytes)
            return message

        async def send_in_parts(message: Message) -> None:
            body: bytes = message.get("body", b"")
            last = max(0, len(body) - 1) // PART_BYTES * PART_BYTES
            # A server waits for its client between two messages, and buffers one of any size.
            for start in range(0, last, PART_BYTES):
                part = body[start : start + PART_BYTES]
                await send({**message, "body": part, "more_body": True})
            await send({**message, "body": body[last:]} if last else message)

        try:
            await self.app(scope, receive_bounded, send_in_parts)
        finally:
            claim.release()
