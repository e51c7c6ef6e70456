"""The names under which the server may be reached.

A web page can give its own name the address of this machine (DNS rebinding) and then read what the
server answers, as if it were the page's own. The Host header tells: it holds the page's name.
"""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem
from app.limits import OPEN_PREFIXES
from app.problem_kinds import BAD_HEAD

_HOST = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class MalformedHostError(Exception):
    """The Host header is missing, repeated, or no host."""


class HostGate:
    """ASGI middleware: lets a request through only under one of the server's names."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            name = host_name(scope)
        except MalformedHostError as error:
            await problem(scope, BAD_HEAD, str(error))(scope, receive, send)
            return
        # Supervisors ask for health by addresses that change.
        if is_served(name, self.names) or scope["path"].startswith(OPEN_PREFIXES):
            await self.app(scope, receive, send)
            return
        detail = (
            f"this server is not reached as {name!r}; HABITUS_ALLOWED_HOSTS lists the names that "
            "it is reached by"
        )
        await problem(scope, BAD_HEAD, detail)(scope, receive, send)


def host_name(scope: Scope) -> str:
    """The name in the Host header, without the port, in lower case.

    Source: RFC 9112, section 3.2: none or more than one is an error.

    Raises:
        MalformedHostError: The header is missing, repeated, or no host.
    """
    values = [value for name, value in scope["headers"] if name == b"host"]
    if len(values) != 1:
        raise MalformedHostError(f"there are {len(values)} Host headers; one is needed")
    found = _HOST.fullmatch(values[0])
    if not found:
        raise MalformedHostError("the Host header is not a name with an optional port")
    return found[1].decode("ascii").lower().rstrip(".")


def is_served(name: str, names: Sequence[str]) -> bool:
    """Whether the name is one of the names; `*.` covers subdomains, `*` everything."""
    return any(
        served in ("*", name) or (served.startswith("*.") and name.endswith(served[1:]))
        for served in names
    )
