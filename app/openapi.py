"""What FastAPI cannot say by itself in OpenAPI: problems, and bodies of several media types."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.codecs.media_types import FORM, IMAGE, JSON
from app.errors import MEDIA_TYPE, document
from app.middleware.body_limit import API_KEY_HEADER
from app.middleware.paths import HEALTH_PREFIXES
from app.problem_kinds import (
    BAD_HEAD,
    BUSY,
    CLOSING,
    CROWDED,
    HEAD_TOO_LARGE,
    LATE,
    MALFORMED,
    MEMORY,
    MISSING,
    NOT_ACCEPTABLE,
    NOT_READY,
    RATE_EXCEEDED,
    RETRY_AFTER_S,
    TOO_LARGE,
    TOO_SLOW,
    UNAUTHORIZED,
    UNSUPPORTED,
    UNSUPPORTED_TYPE,
    UNUSABLE,
    Kind,
)
from app.schemas.body import Faces, Mesh, MeshPair, MeshRequest
from app.schemas.clothing import ClothingMap
from app.schemas.common import PictureInJson, Problem
from app.schemas.silhouette import ConfidenceMap

_REFERENCE = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_REFERENCED: tuple[type[BaseModel], ...] = (
    Problem,
    PictureInJson,
    ConfidenceMap,
    ClothingMap,
    Faces,
    Mesh,
    MeshRequest,
    MeshPair,
)
"""Models that only the hand-written parts below refer to."""


def json_content(schema: type[BaseModel]) -> dict[str, Any]:
    """JSON of a model, with the model's examples."""
    return {
        JSON: {
            "schema": {"$ref": _REFERENCE.format(model=schema.__name__)},
            "examples": _examples(schema),
        }
    }


def _examples(schema: type[BaseModel]) -> dict[str, Any]:
    extra = schema.model_config["json_schema_extra"]
    assert isinstance(extra, dict)
    values = extra["examples"]
    assert isinstance(values, list)
    return {
        f"{schema.__name__} {number}": {"value": value} for number, value in enumerate(values, 1)
    }


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


PICTURE_BODY = request_body(
    form_content({"image": "@photo.jpg"}, "A JPEG, PNG, WebP, BMP or TIFF picture."),
    json_content(PictureInJson),
    binary_content(IMAGE, "the picture file itself; its content tells its format"),
)
"""The three ways to send a picture."""


def problem_responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the problems that an endpoint may answer with."""
    responses: dict[int | str, dict[str, Any]] = {}
    _add_problems(responses, *kinds)
    return responses


def _add_problems(responses: dict[int | str, dict[str, Any]], *kinds: Kind) -> None:
    """Add problems to what OpenAPI says of an endpoint's answers."""
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
                "description": "Seconds until it is worth asking again.",
                "schema": {"type": "integer"},
                "example": RETRY_AFTER_S,
            }


_BODY_KINDS = (
    MALFORMED,
    NOT_ACCEPTABLE,
    TOO_LARGE,
    UNSUPPORTED_TYPE,
    UNUSABLE,
    MISSING,
    BUSY,
    MEMORY,
    NOT_READY,
    CLOSING,
    LATE,
)
BODY_PROBLEMS = problem_responses(*_BODY_KINDS)
"""What can go wrong where a body is sent, to be worked on by a device."""
FILE_PROBLEMS = problem_responses(*_BODY_KINDS, UNSUPPORTED)
"""The same where the body may hold a picture or another file."""


def complete_openapi(app: FastAPI, *, with_keys: bool, with_rate: bool) -> None:
    """Let the app's OpenAPI document hold what is written by hand, and what the middleware does.

    Args:
        app: With all its routes.
        with_keys: Whether API keys are asked for.
        with_rate: Whether a client may be refused for asking too often.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _, definitions = models_json_schema(
                [(schema, "validation") for schema in _REFERENCED], ref_template=_REFERENCE
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for name, schema in definitions["$defs"].items():
                schemas.setdefault(name, schema)
            if with_keys:
                document["components"]["securitySchemes"] = {
                    "header": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                    "bearer": {"type": "http", "scheme": "bearer"},
                }
            for path, operations in document["paths"].items():
                is_open = path.startswith(HEALTH_PREFIXES)
                for operation in operations.values():
                    _describe_door(
                        operation,
                        with_keys=with_keys and not is_open,
                        with_rate=with_rate and not is_open,
                    )
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_door(operation: dict[str, Any], *, with_keys: bool, with_rate: bool) -> None:
    """Add the answers that a request may get before it reaches its route."""
    _add_problems(operation["responses"], BAD_HEAD, HEAD_TOO_LARGE)
    if "requestBody" in operation:
        _add_problems(operation["responses"], TOO_SLOW, CROWDED)
    if with_keys:
        operation["security"] = [{"header": []}, {"bearer": []}]
        _add_problems(operation["responses"], UNAUTHORIZED)
    if with_rate:
        _add_problems(operation["responses"], RATE_EXCEEDED)
