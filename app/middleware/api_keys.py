"""Authentication by API key."""

from starlette.datastructures import Headers
from starlette.types import Scope

from app.errors import ProblemError
from app.middleware.head_checks import HeadCheck
from app.middleware.key_ring import KeyRing
from app.middleware.paths import HEALTH_PREFIXES, route_path
from app.schemas.problems import UNAUTHORIZED

API_KEY_HEADER = "X-API-Key"
_PUBLIC_PREFIXES = (*HEALTH_PREFIXES, "/docs/", "/problems/", "/page/")
_PUBLIC_PATHS = {"/", "/docs", "/openapi.json", "/problems"}
KEY_STATE = "api_key_digest"
"""Where a request's state holds the digest of its key."""


def api_keys(keys: KeyRing) -> HeadCheck:
    """A check that a request has a known key.

    Health checks, the page and documentation need none: supervisors, and browsers that follow a
    link, send none.
    """

    async def check(scope: Scope) -> None:
        path = route_path(scope)
        if path in _PUBLIC_PATHS or path.startswith(_PUBLIC_PREFIXES):
            return
        offered = _offered_key(Headers(scope=scope))
        digest = keys.match((offered or "").encode("latin-1"))
        if digest is None:
            found = "no API key was sent" if offered is None else "the API key is not known"
            detail = f"{found}; send {API_KEY_HEADER}: KEY or Authorization: Bearer KEY"
            raise ProblemError(UNAUTHORIZED, detail)
        scope["state"][KEY_STATE] = digest

    return check


def _offered_key(headers: Headers) -> str | None:
    if API_KEY_HEADER in headers:
        return headers[API_KEY_HEADER]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
