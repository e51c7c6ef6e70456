"""Exceptions to problem documents (RFC 9457). Only this file knows the status codes of errors."""

import http
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.encoding import NotAcceptableError
from app.execution import DeviceFaultError, DeviceMemoryError
from app.predictors import CapabilityMissingError
from app.queueing import EngineClosedError, QueueFullError
from app.security_headers import HEADERS
from app.telemetry import PROBLEM_STATE, REQUEST_ID_HEADER
from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
"""A queue of ordinary pictures has moved on by then."""
MAX_ERRORS = 10
"""Fields at fault that an answer lists; a broken mesh could have a million."""


class NotReadyError(Exception):
    """The server cannot do its work at the moment."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    status: int
    name: str
    title: str
    headers: tuple[tuple[str, str], ...] = ()


class RefusedError(HTTPException):
    """What the middleware refuses while a body arrives.

    FastAPI lets this type through from inside its parsing of bodies; it turns others into 400.
    """

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(kind.status, detail)
        self.kind = kind


_RETRY = (("Retry-After", str(RETRY_AFTER_S)),)
_CLOSE = (("Connection", "close"),)
BAD_HEAD = Kind(400, "bad-request-head", "Bad request head")
MALFORMED = Kind(400, "malformed-body", "Malformed body")
UNAUTHORIZED = Kind(
    401, "unauthorized", "Unauthorized", (("WWW-Authenticate", 'Bearer realm="habitus"'),)
)
NOT_ACCEPTABLE = Kind(406, "not-acceptable", "Not acceptable")
TOO_SLOW = Kind(408, "too-slow", "Too slow", _CLOSE)
TOO_LARGE = Kind(413, "too-large", "Too large")
UNSUPPORTED = Kind(415, "unsupported-format", "Unsupported format")
UNUSABLE = Kind(422, "unusable-input", "Unusable input")
RATE_EXCEEDED = Kind(429, "rate-exceeded", "Rate exceeded", _RETRY)
HEAD_TOO_LARGE = Kind(431, "head-too-large", "Request head too large", _CLOSE)
INTERNAL = Kind(500, "internal", "Internal error")
MISSING = Kind(503, "capability-missing", "Capability not loaded")
BUSY = Kind(503, "queue-full", "Queue full", _RETRY)
CROSS_ORIGIN = Kind(400, "cross-origin-refused", "Cross-origin request refused")
CROWDED = Kind(503, "too-many-requests-at-once", "Too many requests at once", _RETRY)
CLOSING = Kind(503, "shutting-down", "Shutting down", _RETRY)
NOT_READY = Kind(503, "not-ready", "Not ready", _RETRY)
MEMORY = Kind(503, "out-of-memory", "Out of device memory", _RETRY)
LATE = Kind(504, "deadline-passed", "Deadline passed")

_KINDS: dict[type[Exception], Kind] = {
    NotAcceptableError: NOT_ACCEPTABLE,
    PictureTooLargeError: TOO_LARGE,
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
    """Answer every exception that leaves a route with a problem document."""
    for exception in _KINDS:
        app.add_exception_handler(exception, _own_problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(Exception, _internal_problem)


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
        document(kind, detail, state["request_id"], errors),
        kind.status,
        # Those that an answer of status 500 would lack: it does not pass through the middleware.
        {
            **HEADERS,
            **dict(kind.headers),
            REQUEST_ID_HEADER: state["request_id"],
            **(headers or {}),
        },
        MEDIA_TYPE,
    )


def document(
    kind: Kind, detail: str, request_id: str, errors: Sequence[Mapping[str, str]] = ()
) -> bytes:
    """A problem document."""
    members: dict[str, Any] = {
        "type": f"urn:habitus:{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request_id,
    }
    if errors:
        members["errors"] = list(errors)
    # Unlike orjson, this can repeat what clients send that is no Unicode.
    return json.dumps(members).encode()


def problem_responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the problems that an endpoint may answer with."""
    responses: dict[int | str, dict[str, Any]] = {}
    add_problems(responses, *kinds)
    return responses


def add_problems(responses: dict[int | str, dict[str, Any]], *kinds: Kind) -> None:
    """Add problems to what OpenAPI says of an endpoint's answers."""
    for kind in kinds:
        example = json.loads(
            document(kind, _EXAMPLE_DETAILS[kind.name], "5f0c7a52e6c84d5f9c3f1d6f0e6a1b2c")
        )
        entry = responses.setdefault(str(kind.status), {"description": kind.title, "content": {}})
        content = entry["content"].setdefault(
            MEDIA_TYPE, {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        )
        content["examples"][kind.name] = {"summary": kind.title, "value": example}
        entry["description"] = " or ".join(
            shown["summary"] for shown in content["examples"].values()
        )
        if "Retry-After" in dict(kind.headers):
            entry.setdefault("headers", {})["Retry-After"] = {
                "description": "Seconds until it is worth asking again.",
                "schema": {"type": "integer"},
                "example": RETRY_AFTER_S,
            }


_EXAMPLE_DETAILS = {
    BAD_HEAD.name: "there are 2 Host headers; one is needed",
    MALFORMED.name: "the body is not JSON: Expecting value at character 12",
    UNAUTHORIZED.name: "no API key was sent; send X-API-Key: KEY or Authorization: Bearer KEY",
    NOT_ACCEPTABLE.name: "Accept is 'text/html'; this endpoint gives image/png, application/json",
    TOO_SLOW.name: "81920 bytes of the body arrived within 60 s, and not all",
    TOO_LARGE.name: "the body is larger than 20000000 bytes, as much as is read",
    UNSUPPORTED.name: "the picture is a PDF file; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF are read",
    UNUSABLE.name: "image is 8x8; each side must be at least 16 pixels",
    RATE_EXCEEDED.name: "more than 60 requests a minute; ask again in 1 s",
    MISSING.name: "silhouette is not loaded: silhouette.safetensors was not there when the server "
    "started. `python -m training fit silhouette` makes it; then restart the server.",
    BUSY.name: "32 items are queued or running, as many as are allowed; ask again shortly",
    CROWDED.name: "too many bodies are arriving at the same time; ask again shortly",
    CLOSING.name: "the server is shutting down; ask again when it is back",
    NOT_READY.name: "no capability is loaded",
    MEMORY.name: "the item does not fit into the device's memory; ask again later",
    LATE.name: "no result within 30 s; the server is busy, or the item is large",
}


async def _own_problem(request: Request, error: Exception) -> Response:
    """One of our exceptions, which say themselves what is wrong."""
    return problem(request.scope, kind_of(error), str(error))


async def _http_problem(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    phrase = http.HTTPStatus(error.status_code).phrase
    kind = Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase.capitalize())
    detail = error.detail
    if isinstance(error, RefusedError):
        kind = error.kind
    elif error.status_code == MALFORMED.status:
        kind, detail = MALFORMED, f"the body cannot be read: {error.detail}"
    elif error.status_code == 404:
        detail = f"there is no {request.url.path}; /docs shows what there is"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "other methods")
        detail = f"{request.url.path} does not take {request.method}; it takes {allowed}"
    return problem(request.scope, kind, detail, headers=error.headers)


async def _validation_problem(request: Request, error: Exception) -> Response:
    """Fields that pydantic refuses, and JSON that is none."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        place = found[0]["loc"][-1]
        at = f" at character {place}" if isinstance(place, int) else ""
        return problem(
            request.scope, MALFORMED, f"the body is not JSON: {found[0]['ctx']['error']}{at}"
        )
    named = [(entry["loc"], _message(entry)) for entry in found[:MAX_ERRORS]]
    detail = "; ".join(f"{_dotted(location)}: {message}" for location, message in named[:3])
    if len(found) > 3:
        detail += f"; and {len(found) - 3} more"
    sent = request.headers.get("content-type", "none")
    if not sent.startswith(("application/json", "multipart/form-data")):
        detail += (
            f"; the content type is {sent!r}: JSON needs application/json, "
            "files need multipart/form-data"
        )
    errors = [{"pointer": _pointer(location), "detail": message} for location, message in named]
    return problem(request.scope, UNUSABLE, detail, errors)


async def _internal_problem(request: Request, error: Exception) -> Response:
    """A mistake of ours; what it was is for the log only."""
    _log.error("internal error", exc_info=error, extra={"request_id": request.state.request_id})
    return problem(request.scope, INTERNAL, "the server failed; its log says more, by this id")


def _message(entry: Mapping[str, Any]) -> str:
    if entry["type"] in ("model_attributes_type", "model_type"):
        return "a JSON object is needed"
    message: str = entry["msg"]
    return message.removeprefix("Value error, ")


def _pointer(location: Sequence[int | str]) -> str:
    return "#" + "".join(f"/{part}" for part in location[1:])


def _dotted(location: Sequence[int | str]) -> str:
    """`betas[3]` for ("body", "betas", 3)."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return name.removeprefix(".") or "body"
