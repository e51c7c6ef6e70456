"""The body of a request: its media type, the files of a form, JSON, a picture."""

import asyncio
import binascii
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from app.codecs.media_types import FORM, IMAGE, JSON
from app.schemas.common import PictureInJson
from model.errors import InvalidInputError

MAX_PARTS = 100
"""Of a form; each costs memory, and no endpoint takes more than two."""
MAX_NAMED = 5
"""Parts of a form that an error names."""
MAX_SHOWN = 40
"""Characters of a name or a text that an error repeats."""
MAX_JSON_VALUES = 1000
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


PICTURE = BodyRule(
    media_types=(FORM, JSON, IMAGE),
    fields=("image",),
    hint="send a file part named `image`: curl -F image=@photo.jpg",
)


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


async def receive_picture(request: Request, max_bytes: int) -> Callable[[], bytes]:
    """Receive a picture as a form's file, as base64 in JSON, or as the body itself.

    Returns:
        A function, for a thread, that extracts the picture's bytes.

    Raises:
        UnsupportedMediaTypeError: The body is neither a form, nor JSON, nor a picture.
        RequestValidationError: A form without exactly one file named `image`.
    """
    media_type = await check_media_type(request, PICTURE)
    if media_type == FORM:
        [data] = await read_files(request, PICTURE, max_bytes)
        return lambda: data
    body = await request.body()
    if media_type == JSON:
        return lambda: decode_base64(parse_json(PictureInJson, body).image)
    return lambda: body


async def read_files(request: Request, rule: BodyRule, max_bytes: int) -> list[bytes]:
    """The files of a form, in the order of the rule's fields.

    Each must be there once, as a file, and nothing else.

    Raises:
        RequestValidationError: Other parts arrived.
        HTTPException: The form cannot be read.
    """
    async with open_form(request, max_bytes) as form:
        parts = form.multi_items()
        files = {name: part for name, part in parts if isinstance(part, UploadFile)}
        if len(parts) == len(rule.fields) and files.keys() == set(rule.fields):
            return [await files[name].read() for name in rule.fields]
        missing = [name for name in rule.fields if name not in files]
        unknown = [name for name, _ in parts if name not in rule.fields]
        at_fault = (missing or unknown or rule.fields)[0]
        raise field_error(at_fault, f"the form has {_describe(parts)}; {rule.hint}")


def open_form(request: Request, max_bytes: int) -> AbstractAsyncContextManager[FormData]:
    """The parts of a form.

    Args:
        request: Its body is read.
        max_bytes: Most of one part.
    """

    async def receive_in_turn() -> Message:
        # A form of many line breaks takes long to parse: let other requests run between its parts.
        await asyncio.sleep(0)
        return await request.receive()

    return Request(request.scope, receive_in_turn).form(
        max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=max_bytes
    )


def parse_json(model: type[_Model], body: bytes, max_values: int = MAX_JSON_VALUES) -> _Model:
    """A body of JSON, validated.

    The parser holds the interpreter's lock, for a time that depends on the number of values rather
    than on bytes: 3 MB of `[]` take half a second. They are counted first.

    Args:
        model: What the body must be.
        body: Up to megabytes: use a thread.
        max_values: Most commas, colons and closing brackets.

    Raises:
        InvalidInputError: There are more.
        RequestValidationError: It is empty, no JSON, or not what the model describes.
    """
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": ""}])
    num_values = sum(map(body.count, (b",", b"]", b"}", b":")))
    if num_values > max_values:
        raise InvalidInputError(
            f"the JSON has {num_values} values, lists and objects; at most {max_values} are read"
        )
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise validation_error(model, error) from error


def validation_error(model: type[BaseModel], error: ValidationError) -> RequestValidationError:
    """What pydantic says of a body that is not what the model describes."""
    return RequestValidationError(
        [
            {**entry, "loc": ("body", *entry["loc"]), "known": _siblings(model, entry["loc"])}
            for entry in error.errors()
        ]
    )


def decode_base64(text: str) -> bytes:
    """Base64 of RFC 4648, with or without line breaks, or a data: URL of RFC 2397 in base64.

    Raises:
        RequestValidationError: Neither.
    """
    head, comma, encoded = text.partition(",")
    is_data_url = head[:5].lower() == "data:"
    if is_data_url and not (comma and head.lower().endswith(";base64")):
        raise field_error("image", "the data: URL is not in base64; data:image/jpeg;base64,... is")
    if head[:8].lower().startswith(("http://", "https://")):
        raise field_error("image", "a web address was sent; the server fetches none: send the file")
    try:
        packed = (encoded if is_data_url else text).encode("ascii").translate(None, b" \t\r\n")
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        raise field_error(
            "image",
            "the text is not base64 (A to Z, a to z, 0 to 9, +, /, padded with =); "
            "`base64 -w0 photo.jpg` makes it",
        ) from None


def field_error(name: str, message: str) -> RequestValidationError:
    """A field of the body is wrong."""
    return RequestValidationError([{"type": "own", "loc": ("body", name), "msg": message}])


def _siblings(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The fields of the object in which pydantic found an error."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        model = field.annotation
    return list(getattr(model, "model_fields", ()))


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
