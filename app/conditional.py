"""Answers that a client may keep and ask about: ETag and If-None-Match.

Source: RFC 9110, sections 8.8.3 and 13.1.2; RFC 9111, section 5.2.2.
"""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.http import parse_etags

CACHE_CONTROL = "private, no-cache"
"""Keep it, but ask each time whether it still holds: another asset may be there tomorrow, and its
triangles would not fit. Private, because keys may be asked for."""


async def respond_if_changed(
    request: Request, tag: str, media_type: str, make: Callable[[], bytes]
) -> Response:
    """The answer, made off the event loop; or 304 without a body where the client has it.

    Args:
        request: Asks.
        tag: Names the answer to the byte, without quotes.
        media_type: Negotiated.
        make: Makes the body.
    """
    headers = {"ETag": f'"{tag}"', "Cache-Control": CACHE_CONTROL, "Vary": "Accept"}
    if parse_etags(request.headers.get("if-none-match")).contains_weak(tag):
        return Response(status_code=304, headers=headers)
    return Response(await run_in_threadpool(make), media_type=media_type, headers=headers)
