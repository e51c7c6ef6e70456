"""What FastAPI cannot say by itself in OpenAPI: answers of several media types, bodies of two."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.errors import (
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
    TOO_LARGE,
    TOO_SLOW,
    UNAUTHORIZED,
    UNSUPPORTED,
    UNUSABLE,
    add_problems,
    problem_responses,
)
from app.limits import API_KEY_HEADER
from app.paths import HEALTH_PREFIXES, METRICS_PATH
from app.schemas.body import Faces, Mesh, MeshPair
from app.schemas.clothing import ClothingMap
from app.schemas.common import Problem
from app.schemas.silhouette import ConfidenceMap

_REFERENCE = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_REFERENCED: tuple[type[BaseModel], ...] = (
    Problem,
    ConfidenceMap,
    ClothingMap,
    Faces,
    Mesh,
    MeshPair,
)
"""Models that only the hand-written parts below refer to."""
UPLOAD_PROBLEMS = problem_responses(
    MALFORMED,
    NOT_ACCEPTABLE,
    TOO_LARGE,
    UNSUPPORTED,
    UNUSABLE,
    MISSING,
    BUSY,
    MEMORY,
    NOT_READY,
    CLOSING,
    LATE,
)
"""What can go wrong where a picture or another file is sent, to be worked on by a device."""
PICTURE_FORM: dict[str, Any] = {
    "requestBody": {"content": {"multipart/form-data": {"example": {"image": "@photo.jpg"}}}}
}
"""An example of a form with a picture, as curl's -F writes it."""


def json_content(schema: type[BaseModel]) -> dict[str, Any]:
    """JSON of a model, with the model's examples."""
    return {
        "application/json": {
            "schema": {"$ref": _REFERENCE.format(model=schema.__name__)},
            "examples": _examples(schema),
        }
    }


def binary_content(media_type: str, what: str) -> dict[str, Any]:
    """A file."""
    return {media_type: {"schema": {**_BINARY, "description": what}, "example": f"({what})"}}


def json_or_files_body(
    schema: type[BaseModel], files: dict[str, str], description: str
) -> dict[str, Any]:
    """A body that is either JSON of a model or a form with these files."""
    form = {
        "type": "object",
        "required": sorted(files),
        "properties": {name: {**_BINARY, "description": description} for name in files},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                **json_content(schema),
                "multipart/form-data": {"schema": form, "example": files},
            },
        }
    }


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
                    if not is_open and path != METRICS_PATH:
                        add_problems(operation["responses"], BAD_HEAD)
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
    add_problems(operation["responses"], HEAD_TOO_LARGE)
    if "requestBody" in operation:
        add_problems(operation["responses"], TOO_SLOW, CROWDED)
    if with_keys:
        operation["security"] = [{"header": []}, {"bearer": []}]
        add_problems(operation["responses"], UNAUTHORIZED)
    if with_rate:
        add_problems(operation["responses"], RATE_EXCEEDED)


def _examples(schema: type[BaseModel]) -> dict[str, Any]:
    extra = schema.model_config["json_schema_extra"]
    assert isinstance(extra, dict)
    values = extra["examples"]
    assert isinstance(values, list)
    return {
        f"{schema.__name__} {number}": {"value": value} for number, value in enumerate(values, 1)
    }
