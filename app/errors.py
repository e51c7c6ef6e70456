"""Exceptions to problem documents (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.capabilities import CapabilityMissingError
from app.codecs.media_types import NotAcceptableError
from app.codecs.request_body import MAX_SHOWN, UnsupportedMediaTypeError
from app.engine.batch_runner import DeviceFaultError, DeviceMemoryError
from app.engine.queue import EngineClosedError, QueueFullError
from app.schemas import problems
from app.schemas.problems import Kind
from model.errors import (
    AssetError,
    InvalidInputError,
    NoPersonError,
    PictureTooLargeError,
    UnsupportedFormatError,
)

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 10
"""Fields at fault that an answer lists; a broken mesh could have a million."""
PROBLEM_STATE = "problem"
"""Where a request's state holds the name of the problem that it was answered with."""


class NotReadyError(Exception):
    """The server cannot do its work at the moment."""


class ProblemError(Exception):
    """The middleware refuses a request."""

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers


_KINDS: dict[type[Exception], Kind] = {
    NotAcceptableError: problems.NOT_ACCEPTABLE,
    PictureTooLargeError: problems.TOO_LARGE,
    UnsupportedMediaTypeError: problems.UNSUPPORTED_TYPE,
    UnsupportedFormatError: problems.UNSUPPORTED,
    NoPersonError: problems.NO_PERSON,
    InvalidInputError: problems.UNUSABLE,
    CapabilityMissingError: problems.MISSING,
    AssetError: problems.MISSING,  # of an asset that loads and cannot be measured
    QueueFullError: problems.BUSY,
    EngineClosedError: problems.CLOSING,
    NotReadyError: problems.NOT_READY,
    DeviceFaultError: problems.NOT_READY,
    DeviceMemoryError: problems.MEMORY,
}


def problem_of(scope: Scope, error: Exception) -> Response | None:
    """The answer to an exception; None of one that is a defect of the server."""
    if isinstance(error, ProblemError):
        return problem(scope, error.kind, str(error), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return _validation_problem(scope, error)
    if isinstance(error, HTTPException):
        return _framework_problem(scope, error)
    for parent in type(error).__mro__:
        if parent in _KINDS:
            return problem(scope, _KINDS[parent], str(error))
    return None


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
    """A problem document of a server that a proxy serves under `root_path`."""
    members: dict[str, Any] = {
        "type": f"{root_path.rstrip('/')}/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request_id,
    }
    if kind.code is not None:
        members["code"] = kind.code
    if errors:
        members["errors"] = list(errors)
    # orjson refuses text that is not Unicode, which clients may have sent.
    return json.dumps(members).encode()


def _framework_problem(scope: Scope, error: HTTPException) -> Response:
    """What the framework itself refuses: unknown paths and methods, unreadable bodies."""
    path = scope["path"]
    if error.status_code == 404:
        kind, detail = problems.NOT_FOUND, f"there is no {path}; /docs shows what there is"
    elif error.status_code == 405:
        allowed = (error.headers or {})["Allow"]
        kind = problems.METHOD_NOT_ALLOWED
        detail = f"{path} does not take {scope['method']}; it takes {allowed}"
    else:
        assert error.status_code == 400, f"the framework answers with {error.status_code}"
        kind, detail = problems.MALFORMED, f"the body cannot be read: {error.detail}"
    return problem(scope, kind, detail, headers=error.headers)


def _validation_problem(scope: Scope, error: RequestValidationError) -> Response:
    """Fields that cannot be used, and malformed JSON."""
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        reason = found[0]["ctx"]["error"]
        return problem(scope, problems.MALFORMED, f"the body is not JSON: {reason}")
    named = [(entry["loc"][1:], _explain(entry)) for entry in found[:MAX_ERRORS]]
    detail = "; ".join(f"{_dotted(location)}: {message}" for location, message in named[:3])
    if len(found) > 3:
        detail += f"; and {len(found) - 3} more"
    errors = [{"pointer": _pointer(location), "detail": message} for location, message in named]
    return problem(scope, problems.UNUSABLE, detail, errors)


def _dotted(location: Sequence[int | str]) -> str:
    """`betas[3]` for ("betas", 3)."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return name.removeprefix(".") or "the body"


def _pointer(location: Sequence[int | str]) -> str:
    """`#/betas/3` for ("betas", 3). Source: RFC 6901, sections 3 and 6."""
    names = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "#" + "".join(f"/{name}" for name in names)


def _explain(entry: Mapping[str, Any]) -> str:
    """One of pydantic's errors in the words of JSON: what was found, and what is allowed."""
    kind: str = entry["type"]
    if kind == "missing":
        return "is missing" if len(entry["loc"]) > 1 else "is empty; a JSON object is needed"
    if kind == "extra_forbidden":
        return f"is not known; the object takes {', '.join(entry['known'])}"
    if kind in _EXPLANATIONS:
        return _EXPLANATIONS[kind].format(found=_shown(entry["input"]), **entry.get("ctx", {}))
    message: str = entry["msg"]
    return message.removeprefix("Value error, ")


def _shown(value: object) -> str:
    """The value that was sent, as JSON, shortened."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    # A text may be megabytes long.
    text = json.dumps(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


_EXPLANATIONS = {
    "model_type": "is {found}; a JSON object is needed",
    "list_type": "is {found}; a list is needed",
    "float_type": "is {found}; a number is needed",
    "string_pattern_mismatch": "is {found}; text like {pattern} is needed",
    "finite_number": "is {found}; a finite number is needed",
    "string_type": "is {found}; text is needed",
    "bool_parsing": "is {found}; true or false is needed",
    "float_parsing": "is {found}; a number is needed",
    "literal_error": "is {found}; {expected} is needed",
    "less_than_equal": "is {found}; at most {le:g} is allowed",
    "greater_than_equal": "is {found}; at least {ge:g} is needed",
    "too_short": "has {actual_length} items; at least {min_length} are needed",
    "too_long": "has {actual_length} items; at most {max_length} are allowed",
}
"""By pydantic's type of error: those that the wire types give."""
