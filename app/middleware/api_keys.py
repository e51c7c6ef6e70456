"""ASGI middleware: authentication by API key."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem
from app.middleware.key_ring import KeyRing
from app.middleware.paths import HEALTH_PREFIXES, route_path
from app.schemas.problems import UNAUTHORIZED

API_KEY_HEADER = "X-API-Key"
_PUBLIC_PREFIXES = (*HEALTH_PREFIXES, "/docs/", "/problems/")
_PUBLIC_PATHS = {"/docs", "/openapi.json", "/problems"}
KEY_STATE = "api_key_digest"
"""Where a request's state holds the digest of its key."""


class ApiKeys:
    """Refuses a request without a known key, before its body is read.

    Health checks and documentation need none: supervisors, and browsers that follow a link, send
    none.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _is_public(route_path(scope)):
            await self.app(scope, receive, send)
            return
        offered = _offered_key(Headers(scope=scope))
        digest = self.keys.match((offered or "").encode("latin-1"))
        if digest is not None:
            scope["state"][KEY_STATE] = digest
            await self.app(scope, receive, send)
            return
        found = "no API key was sent" if offered is None else "the API key is not known"
        detail = f"{found}; send {API_KEY_HEADER}: KEY or Authorization: Bearer KEY"
        await problem(scope, UNAUTHORIZED, detail)(scope, receive, send)


def _is_public(path: str) -> bool:
    return path in _PUBLIC_PATHS or path.startswith(_PUBLIC_PREFIXES)


def _offered_key(headers: Headers) -> str | None:
    if API_KEY_HEADER in headers:
        return headers[API_KEY_HEADER]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
