"""ASGI middleware: the host names under which the server answers.

A web page can point its own name to the address of this machine (DNS rebinding) and then read the
server's answers. The Host header then holds the page's name.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem
from app.middleware.paths import is_operational
from app.schemas.problems import BAD_HEAD


class TrustedHosts:
    """Starlette's TrustedHostMiddleware, whose refusals become problem documents.

    Supervisors and Prometheus are not checked: they use addresses that change.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or is_operational(scope):
            await self.app(scope, receive, send)
            return
        is_trusted = False

        async def accept(_scope: Scope, _receive: Receive, _send: Send) -> None:
            nonlocal is_trusted
            is_trusted = True

        async def discard(_message: Message) -> None:
            """Starlette's refusal is plain text."""

        await TrustedHostMiddleware(accept, self.names, www_redirect=False)(scope, receive, discard)
        if is_trusted:
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        detail = (
            f"the Host header is {host!r}; HABITUS_ALLOWED_HOSTS lists the names that are served"
        )
        await problem(scope, BAD_HEAD, detail)(scope, receive, send)
