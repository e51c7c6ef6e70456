"""GET /, the page for people. All of its files come from this server."""

import gzip
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

router = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).parents[1] / "web" / "page"
_NAMES = {path.name for path in _FOLDER.iterdir()}
_INDEX = "index.html"
_COMPRESSED = (".css", ".html", ".js", ".svg", ".txt")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # The photo and drawn results are blobs of the page itself.
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # It names the files of this version.
    "Cache-Control": "no-cache",
}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""A name holds a digest of the content: another version has other names."""


@router.get("/")
async def page(request: Request) -> Response:
    """The page, which may only run scripts of this server."""
    return _answer(request, _INDEX, _HEADERS)


@router.get("/page/{name}")
async def asset(request: Request, name: str) -> Response:
    """A file of the page."""
    if name not in _NAMES - {_INDEX}:
        raise HTTPException(404)
    return _answer(request, name, _FOREVER)


def _answer(request: Request, name: str, headers: dict[str, str]) -> Response:
    media_type, _ = mimetypes.guess_type(name)
    headers = {**headers, "Vary": "Accept-Encoding"}
    accepted = parse_accept_header(request.headers.get("accept-encoding", ""), Accept)
    if not name.endswith(_COMPRESSED) or accepted["gzip"] <= 0:
        return Response(_content(name), headers=headers, media_type=media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(_gzipped(name), headers=headers, media_type=media_type)


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@cache
def _gzipped(name: str) -> bytes:
    return gzip.compress(_content(name), mtime=0)
