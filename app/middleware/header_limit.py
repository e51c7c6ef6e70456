"""ASGI middleware: the size of a request's head, and contradictory lengths of its body."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem
from app.schemas.problems import BAD_HEAD, HEAD_TOO_LARGE

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100


class HeaderLimit:
    """Refuses a head larger than `MAX_HEAD_BYTES` or `MAX_HEADERS`, or with two lengths.

    Content-Length and chunks together may mean different bodies to a proxy and to this server.
    Source: RFC 9112, section 6.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        num_bytes = len(scope["path"]) + len(scope["query_string"])
        num_bytes += sum(len(name) + len(value) for name, value in headers)
        if {name for name, _ in headers} >= {b"content-length", b"transfer-encoding"}:
            detail = "the request has both Content-Length and Transfer-Encoding; send one of them"
            close = {"Connection": "close"}
            await problem(scope, BAD_HEAD, detail, headers=close)(scope, receive, send)
        elif num_bytes > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
            detail = (
                f"the request head has {num_bytes} bytes and {len(headers)} headers; at most "
                f"{MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers are read"
            )
            await problem(scope, HEAD_TOO_LARGE, detail)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
