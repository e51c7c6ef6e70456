"""What FastAPI cannot describe by itself: problems, and bodies of several media types."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from app.codecs.media_types import FORM, IMAGE, JSON
from app.errors import MEDIA_TYPE, document
from app.middleware.api_keys import API_KEY_HEADER
from app.middleware.paths import HEALTH_PREFIXES
from app.schemas import problems
from app.schemas.common import PictureInJson, Received, Sent
from app.schemas.problems import RETRY_AFTER_S, Kind

_REFERENCE = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_BODY_KINDS = (
    problems.MALFORMED,
    problems.NOT_ACCEPTABLE,
    problems.TOO_SLOW,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_TYPE,
    problems.UNUSABLE,
    problems.MISSING,
    problems.BUSY,
    problems.CROWDED,
    problems.MEMORY,
    problems.NOT_READY,
    problems.CLOSING,
    problems.LATE,
)
"""Of an endpoint whose body becomes work for a device."""


def json_content(schema: type[BaseModel], *examples: BaseModel) -> dict[str, Any]:
    """JSON of a model.

    Args:
        schema: The model.
        examples: Of it; without any, those in the model's configuration.
    """
    values: Any = [example.model_dump(mode="json") for example in examples]
    if not values:
        extra = schema.model_config["json_schema_extra"]
        assert isinstance(extra, dict)
        values = extra["examples"]
    shown = {
        f"{schema.__name__} {number}": {"value": value} for number, value in enumerate(values, 1)
    }
    reference = {"$ref": _REFERENCE.format(model=schema.__name__)}
    return {JSON: {"schema": reference, "examples": shown}}


def binary_content(media_type: str, what: str) -> dict[str, Any]:
    """A file."""
    return {media_type: {"schema": {**_BINARY, "description": what}, "example": f"({what})"}}


def form_content(files: Mapping[str, str], description: str) -> dict[str, Any]:
    """A form of files.

    Args:
        files: Name of each part, with an example as curl's -F writes it.
        description: Of each file.
    """
    schema = {
        "type": "object",
        "required": list(files),
        "properties": {name: {**_BINARY, "description": description} for name in files},
        "additionalProperties": False,
    }
    return {FORM: {"schema": schema, "example": dict(files)}}


def request_body(*contents: Mapping[str, Any]) -> dict[str, Any]:
    """A body that has one of several media types."""
    merged = {media_type: content for part in contents for media_type, content in part.items()}
    return {"requestBody": {"required": True, "content": merged}}


def problem_responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer with."""
    responses: dict[int | str, dict[str, Any]] = {}
    _add_problems(responses, *kinds)
    return responses


def _add_problems(responses: dict[int | str, dict[str, Any]], *kinds: Kind) -> None:
    for kind in kinds:
        example = json.loads(document(kind, kind.example, "5f0c7a52e6c84d5f9c3f1d6f0e6a1b2c"))
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
                "description": "Seconds to wait before a retry.",
                "schema": {"type": "integer"},
                "example": RETRY_AFTER_S,
            }


PICTURE_FILE = "A JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF picture."
_PICTURE_BODY = request_body(
    form_content({"image": "@photo.jpg"}, PICTURE_FILE),
    json_content(PictureInJson),
    binary_content(IMAGE, "the picture file itself; its content tells its format"),
)
"""The three ways to send a picture."""


def picture_operation(description: str, *contents: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for the decorator of an endpoint that takes a picture and gives these contents."""
    content = {media_type: shown for part in contents for media_type, shown in part.items()}
    return {
        "response_class": Response,
        "responses": {200: {"description": description, "content": content}},
        "openapi_extra": _PICTURE_BODY,
    }


def photos_operation(
    schema: type[BaseModel],
    fields: Mapping[str, Any],
    description: str,
    *contents: Mapping[str, Any],
    refusals: tuple[Kind, ...] = (),
) -> dict[str, Any]:
    """As `picture_operation`, of an endpoint that takes several pictures, and options beside them.

    Args:
        schema: Of the JSON.
        fields: Schemas of the form's texts.
        description: Of the answer.
        contents: Of the answer.
        refusals: Problems that other endpoints do not have.
    """
    content = {media_type: shown for part in contents for media_type, shown in part.items()}
    pictures = {
        "type": "array",
        "minItems": 1,
        "items": {**_BINARY, "description": "A picture, of any format that is read."},
    }
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": pictures, **fields},
        "additionalProperties": False,
    }
    return {
        "response_class": Response,
        "responses": {
            200: {"description": description, "content": content},
            **problem_responses(*refusals),
        },
        "openapi_extra": request_body(
            {FORM: {"schema": form, "example": {"image": ["@photo.jpg"]}}},
            json_content(schema),
            binary_content(IMAGE, "the picture file itself; options stand in the query"),
        ),
    }


def complete_openapi(app: FastAPI, *, with_keys: bool, with_rate: bool) -> None:
    """Add the wire types that `json_content` refers to, and what the middleware answers."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            models = [*_wire_types(Received), *_wire_types(Sent)]
            _, definitions = models_json_schema(
                [(model, "validation") for model in models], ref_template=_REFERENCE
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            document["components"]["schemas"] = {**definitions["$defs"], **schemas}
            if with_keys:
                document["components"]["securitySchemes"] = {
                    "header": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                    "bearer": {"type": "http", "scheme": "bearer"},
                }
            for path, operations in document["paths"].items():
                is_open = path.startswith(HEALTH_PREFIXES)
                for operation in operations.values():
                    kinds = [problems.BAD_HEAD, problems.HEAD_TOO_LARGE]
                    if body := operation.get("requestBody"):
                        kinds += _BODY_KINDS
                        kinds += [problems.UNSUPPORTED] * (FORM in body["content"])
                    if with_keys and not is_open:
                        operation["security"] = [{"header": []}, {"bearer": []}]
                        kinds.append(problems.UNAUTHORIZED)
                    if with_rate and not is_open:
                        kinds.append(problems.RATE_EXCEEDED)
                    _add_problems(operation["responses"], *kinds)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _wire_types(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in parent.__subclasses__():
        yield model
        yield from _wire_types(model)
