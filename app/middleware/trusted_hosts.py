"""The names under which the server may be reached.

A web page can give its own name the address of this machine (DNS rebinding) and then read what the
server answers. The Host header shows it: it holds the page's name.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem
from app.middleware.paths import is_operational
from app.problem_kinds import BAD_HEAD


class TrustedHosts:
    """ASGI middleware: Starlette's TrustedHostMiddleware, whose refusals are problem documents.

    Supervisors and Prometheus are let through: they ask by addresses that change.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or is_operational(scope) or await self._is_trusted(scope):
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        detail = (
            f"the Host header is {host!r}; HABITUS_ALLOWED_HOSTS lists the names that are served"
        )
        await problem(scope, BAD_HEAD, detail)(scope, receive, send)

    async def _is_trusted(self, scope: Scope) -> bool:
        is_trusted = False

        async def accept(_scope: Scope, _receive: Receive, _send: Send) -> None:
            nonlocal is_trusted
            is_trusted = True

        check = TrustedHostMiddleware(accept, self.names, www_redirect=False)
        await check(scope, _nothing, _discard)
        return is_trusted


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _discard(message: Message) -> None:
    """Starlette's refusal is plain text."""
