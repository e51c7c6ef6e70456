"""Exceptions to problem documents (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.capabilities import CapabilityMissingError
from app.codecs.media_types import NotAcceptableError
from app.codecs.request_body import UnsupportedMediaTypeError
from app.codecs.uploads import PictureTooLargeError, UnsupportedFormatError
from app.contract import sibling_names
from app.engine.batch_runner import DeviceFaultError, DeviceMemoryError
from app.engine.queue import EngineClosedError, QueueFullError
from app.problem_kinds import (
    BUSY,
    CLOSING,
    MALFORMED,
    MEMORY,
    METHOD_NOT_ALLOWED,
    MISSING,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED,
    UNSUPPORTED_TYPE,
    UNUSABLE,
    Kind,
)
from app.telemetry.request_log import PROBLEM_STATE
from app.validation_words import dotted, explain, pointer
from model.errors import InvalidInputError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 10
"""Fields at fault that an answer lists; a broken mesh could have a million."""


class NotReadyError(Exception):
    """The server cannot do its work at the moment."""


class RefusedError(HTTPException):
    """What the middleware refuses while a body arrives.

    FastAPI lets this type through from inside its parsing of bodies; it turns others into 400.
    """

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(kind.status, detail)
        self.kind = kind


_KINDS: dict[type[Exception], Kind] = {
    NotAcceptableError: NOT_ACCEPTABLE,
    PictureTooLargeError: TOO_LARGE,
    UnsupportedMediaTypeError: UNSUPPORTED_TYPE,
    UnsupportedFormatError: UNSUPPORTED,
    InvalidInputError: UNUSABLE,
    CapabilityMissingError: MISSING,
    QueueFullError: BUSY,
    EngineClosedError: CLOSING,
    NotReadyError: NOT_READY,
    DeviceFaultError: NOT_READY,
    DeviceMemoryError: MEMORY,
}


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every exception that is not a mistake of ours with a problem document."""
    for exception in _KINDS:
        app.add_exception_handler(exception, _own_problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)


def kind_of(error: Exception) -> Kind:
    """The kind of problem that one of our exceptions is."""
    return next(_KINDS[parent] for parent in type(error).__mro__ if parent in _KINDS)


def problem(
    scope: Scope,
    kind: Kind,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document about the request in `scope`."""
    state = scope["state"]
    state[PROBLEM_STATE] = kind.name
    return Response(
        document(kind, detail, state["request_id"], errors, scope.get("root_path", "")),
        kind.status,
        {**dict(kind.headers), **(headers or {})},
        MEDIA_TYPE,
    )


def document(
    kind: Kind,
    detail: str,
    request_id: str,
    errors: Sequence[Mapping[str, str]] = (),
    root_path: str = "",
) -> bytes:
    """A problem document.

    Args:
        kind: Of the problem.
        detail: What was found, and what is allowed.
        request_id: Names the request.
        errors: The fields at fault.
        root_path: The prefix under which a proxy serves this app.
    """
    members: dict[str, Any] = {
        "type": f"{root_path.rstrip('/')}/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request_id,
    }
    if errors:
        members["errors"] = list(errors)
    # Unlike orjson, this can repeat what clients send that is no Unicode.
    return json.dumps(members).encode()


async def _own_problem(request: Request, error: Exception) -> Response:
    """One of our exceptions, which say themselves what is wrong."""
    return problem(request.scope, kind_of(error), str(error))


async def _http_problem(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if isinstance(error, RefusedError):
        kind, detail = error.kind, error.detail
    elif error.status_code == 404:
        kind, detail = NOT_FOUND, f"there is no {path}; /docs shows what there is"
    elif error.status_code == 405:
        kind = METHOD_NOT_ALLOWED
        detail = f"{path} does not take {request.method}; it takes {(error.headers or {})['Allow']}"
    else:
        assert error.status_code == 400, f"the framework answers with {error.status_code}"
        kind, detail = MALFORMED, f"the body cannot be read: {error.detail}"
    return problem(request.scope, kind, detail, headers=error.headers)


async def _validation_problem(request: Request, error: Exception) -> Response:
    """Fields that cannot be used, and JSON that is none."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        place = found[0]["loc"][-1]
        at = f" at character {place}" if isinstance(place, int) else ""
        return problem(
            request.scope, MALFORMED, f"the body is not JSON: {found[0]['ctx']['error']}{at}"
        )
    named = [(entry["loc"], _explained(request, entry)) for entry in found[:MAX_ERRORS]]
    detail = "; ".join(f"{dotted(location)}: {message}" for location, message in named[:3])
    if len(found) > 3:
        detail += f"; and {len(found) - 3} more"
    errors = [{"pointer": pointer(location), "detail": message} for location, message in named]
    return problem(request.scope, UNUSABLE, detail, errors)


def _explained(request: Request, entry: Mapping[str, Any]) -> str:
    is_unknown = entry["type"] == "extra_forbidden"
    return explain(entry, sibling_names(request, entry["loc"]) if is_unknown else ())
