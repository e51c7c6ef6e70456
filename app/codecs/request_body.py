"""The body of a request: its media type, the files of a form, and JSON."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

MAX_PARTS = 100
"""Of a form; each costs memory, and no endpoint takes more than two."""
MAX_NAMED = 5
"""Parts of a form that an error names."""
MAX_SHOWN = 40
"""Characters of a name or a text that an error repeats."""
_Model = TypeVar("_Model", bound=BaseModel)


class UnsupportedMediaTypeError(Exception):
    """The body has a content type that the endpoint does not read."""


@dataclass(frozen=True)
class BodyRule:
    """What an endpoint reads."""

    media_types: tuple[str, ...]
    """A subtype may be `*`."""
    fields: tuple[str, ...]
    """The required ones: names of a form's file parts or of a JSON object's members."""
    hint: str
    """How to send it, with a curl option."""


async def check_media_type(request: Request, rule: BodyRule) -> str:
    """The media type of the body, without parameters.

    Raises:
        UnsupportedMediaTypeError: Another than the rule's, or none.
        RequestValidationError: There is no body.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if {media_type, f"{media_type.partition('/')[0]}/*"} & set(rule.media_types):
        return media_type
    if not content_type and not await request.body():
        raise field_error(rule.fields[0], f"the request has no body; {rule.hint}")
    found = f"the content type is {content_type!r}" if content_type else "there is no content type"
    raise UnsupportedMediaTypeError(
        f"{found}; this endpoint reads {', '.join(rule.media_types)}; {rule.hint}"
    )


async def read_files(request: Request, rule: BodyRule, max_bytes: int) -> list[bytes]:
    """The files of a form, in the order of the rule's fields.

    Args:
        request: Its body is a form.
        rule: Each of its fields must be there once, as a file, and nothing else.
        max_bytes: Of a part that is no file; the body as a whole is bounded elsewhere.

    Raises:
        RequestValidationError: Other parts arrived.
        HTTPException: The form cannot be read.
    """

    async def receive_in_turn() -> Message:
        # A form of many line breaks takes long to parse: let other requests run between its parts.
        await asyncio.sleep(0)
        return await request.receive()

    async with Request(request.scope, receive_in_turn).form(
        max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=max_bytes
    ) as form:
        parts = form.multi_items()
        files = {name: part for name, part in parts if isinstance(part, UploadFile)}
        if len(parts) == len(rule.fields) and files.keys() == set(rule.fields):
            return [await files[name].read() for name in rule.fields]
        missing = [name for name in rule.fields if name not in files]
        unknown = [name for name, _ in parts if name not in rule.fields]
        at_fault = (missing or unknown or rule.fields)[0]
        raise field_error(at_fault, f"the form has {_describe(parts)}; {rule.hint}")


def parse_json(model: type[_Model], body: bytes) -> _Model:
    """A body of JSON, validated. Takes a thread where the body may be large.

    Raises:
        RequestValidationError: It is empty, no JSON, or not what the model describes.
    """
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": ""}])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()]
        ) from error


def field_error(name: str, message: str) -> RequestValidationError:
    """A field of the body is wrong.

    Args:
        name: Of the field.
        message: What was found, and what is allowed.
    """
    return RequestValidationError([{"type": "own", "loc": ("body", name), "msg": message}])


def _describe(parts: Sequence[tuple[str, UploadFile | str]]) -> str:
    if not parts:
        return "no parts"
    named = [f"{json.dumps(name[:MAX_SHOWN])} {_kind(part)}" for name, part in parts[:MAX_NAMED]]
    if len(parts) > MAX_NAMED:
        named.append(f"{len(parts) - MAX_NAMED} more parts")
    return ", ".join(named)


def _kind(part: UploadFile | str) -> str:
    if isinstance(part, UploadFile):
        return "(a file)"
    shown = f" {json.dumps(part)}" if len(part) <= MAX_SHOWN and part.isprintable() else ""
    return f"(text{shown}, without a file name)"
