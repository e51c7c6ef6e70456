"""A request with one photo or several, and with options: a form, JSON, or a picture as the body.

Options of a form are text; those of the query are too, and stand beside any body.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from app.codecs.media_types import FORM, IMAGE, JSON
from app.codecs.request_body import (
    BodyRule,
    check_media_type,
    decode_base64,
    field_error,
    open_form,
    parse_json,
    validation_error,
)
from app.schemas.reconstruction import MAX_PHOTOS, ReconstructionRequest
from model.errors import InvalidInputError

PHOTOS = BodyRule(
    media_types=(FORM, JSON, IMAGE),
    fields=("image",),
    hint="send a file part named `image`: curl -F image=@photo.jpg",
)
MAX_VALUES = 10_000
"""Commas, colons and brackets of the JSON: twenty people of 33 keypoints, or of OpenPose's with
hands and faces."""
NUMBERS, SWITCHES = ("height_m", "weight_kg"), ("refine", "same_person")
REPEATED = ("image", "keypoints")
OPTIONS = tuple(name for name in ReconstructionRequest.model_fields if name != "image")
NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,20})?([eE][+-]?\d{1,2})?")
_SWITCH = {"true": True, "false": False}


@dataclass(frozen=True)
class PhotoSet:
    """What arrived."""

    pictures: Callable[[], list[bytes]]
    """The files; it takes a thread."""
    options: ReconstructionRequest
    """Its `image` is empty: the pictures stand for it."""


async def receive_photos(request: Request, max_bytes: int, query: Mapping[str, Any]) -> PhotoSet:
    """Receive photos and options.

    Args:
        request: Its body is read.
        max_bytes: Most of one part.
        query: Options that are not None, as the query gave them.

    Raises:
        UnsupportedMediaTypeError: The body is neither a form, nor JSON, nor a picture.
        RequestValidationError: A field is missing, unknown, wrong, or given twice.
    """
    media_type = await check_media_type(request, PHOTOS)
    given = {name: value for name, value in query.items() if value is not None}
    if media_type == FORM:
        files, texts = await _read_form(request, max_bytes)
        told = _from_texts(texts)
        if twice := sorted(told.keys() & given.keys()):
            raise _given_twice(twice[0])
        return PhotoSet(lambda: files, _validated({**told, **given}))
    body = await request.body()
    if media_type != JSON:
        return PhotoSet(lambda: [body], _validated(given))
    sent = parse_json(ReconstructionRequest, body, MAX_VALUES)
    if twice := sorted(sent.model_fields_set & given.keys()):
        raise _given_twice(twice[0])
    beside = _validated(given)
    options = sent.model_copy(
        update={"image": "", **{name: getattr(beside, name) for name in given}}
    )
    texts_of = [sent.image] if isinstance(sent.image, str) else sent.image
    return PhotoSet(lambda: [decode_base64(text) for text in texts_of], options)


async def _read_form(request: Request, max_bytes: int) -> tuple[list[bytes], list[tuple[str, str]]]:
    """The files named `image`, and all texts by name."""
    async with open_form(request, max_bytes) as form:
        parts = form.multi_items()
        files, texts = [], []
        for name, part in parts:
            if isinstance(part, UploadFile):
                if name != "image":
                    raise field_error(
                        name, f"is a file; the one file part is `image`; {PHOTOS.hint}"
                    )
                files.append(await part.read())
            elif name not in OPTIONS:
                raise field_error(
                    name, f"is not known as text; a form takes {', '.join(OPTIONS)}; {PHOTOS.hint}"
                )
            else:
                texts.append((name, part))
    if not 1 <= len(files) <= MAX_PHOTOS:
        raise field_error(
            "image",
            f"the form has {len(files)} pictures; 1 to {MAX_PHOTOS} are read; {PHOTOS.hint}",
        )
    return files, texts


def _from_texts(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Options from the texts of a form."""
    options: dict[str, Any] = {}
    for name, text in texts:
        if name == "keypoints":
            options.setdefault(name, []).append(_parsed_json(text))
        elif name in options:
            raise field_error(name, "is given twice; give it once")
        elif name in NUMBERS:
            options[name] = _number(name, text)
        elif name in SWITCHES:
            if text not in _SWITCH:
                raise field_error(name, f"is {json.dumps(text[:40])}; true or false is needed")
            options[name] = _SWITCH[text]
        elif name == "include":
            options[name] = listed(text)
        else:
            options[name] = text
    if len(options.get("keypoints", ())) == 1:
        [options["keypoints"]] = options["keypoints"]
    return options


def listed(text: str) -> list[str]:
    """`a,b` as a list."""
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _number(name: str, text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise field_error(name, f"is {json.dumps(text[:40])}; a number is needed")
    return float(text)


def _parsed_json(text: str) -> Any:
    if sum(map(text.count, ",]}:")) > MAX_VALUES:
        raise InvalidInputError(f"the keypoints have more than {MAX_VALUES} values")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise field_error("keypoints", "is not JSON; [[x, y, score], ...] is") from None


def _given_twice(name: str) -> RequestValidationError:
    return field_error(name, "is given in the query and in the body; give it once")


def _validated(options: Mapping[str, Any]) -> ReconstructionRequest:
    try:
        return ReconstructionRequest.model_validate({"image": "", **options})
    except ValidationError as error:
        raise validation_error(ReconstructionRequest, error) from error
