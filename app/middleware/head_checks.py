"""ASGI middleware: refuses requests by their heads, before their bodies are read."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ProblemError
from app.schemas.problems import BAD_HEAD, HEAD_TOO_LARGE

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
HeadCheck = Callable[[Scope], Awaitable[None]]
"""Raises ProblemError for a request that is refused."""


class HeadChecks:
    """Passes a request on if no check refuses it."""

    def __init__(self, app: ASGIApp, checks: Sequence[HeadCheck]) -> None:
        self.app = app
        self.checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the checks in their order, then pass the request on."""
        if scope["type"] == "http":
            for check in self.checks:
                await check(scope)
        await self.app(scope, receive, send)


async def check_head_size(scope: Scope) -> None:
    """Refuse a head larger than `MAX_HEAD_BYTES` or `MAX_HEADERS`, or with two lengths.

    Content-Length and chunks together may mean different bodies to a proxy and to this server.
    Source: RFC 9112, section 6.1.
    """
    headers = scope["headers"]
    num_bytes = len(scope["path"]) + len(scope["query_string"])
    num_bytes += sum(len(name) + len(value) for name, value in headers)
    if {name for name, _ in headers} >= {b"content-length", b"transfer-encoding"}:
        detail = "the request has both Content-Length and Transfer-Encoding; send one of them"
        raise ProblemError(BAD_HEAD, detail, {"Connection": "close"})
    if num_bytes > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        raise ProblemError(
            HEAD_TOO_LARGE,
            f"the request head has {num_bytes} bytes and {len(headers)} headers; at most "
            f"{MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers are read",
        )
