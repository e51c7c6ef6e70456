"""What the OpenAPI document says of the operation that a request is for."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from app.codecs.media_types import JSON


async def refuse_unknown_parameters(request: Request) -> None:
    """Dependency of routes: a query parameter that the document does not name is an error.

    Raises:
        RequestValidationError: An unknown parameter, or one that is given twice.
    """
    if not request.scope["query_string"]:
        return
    known = parameter_names(request)
    takes = f"this endpoint takes {', '.join(known) or 'none'}"
    names = [name for name, _ in request.query_params.multi_items()]
    wrong = {name: f"is no query parameter; {takes}" for name in names if name not in known}
    wrong |= {
        name: f"is given {names.count(name)} times; give it once"
        for name in known
        if names.count(name) > 1
    }
    if wrong:
        raise RequestValidationError(
            [
                {"type": "own", "loc": ("query", name), "msg": message}
                for name, message in wrong.items()
            ]
        )


def parameter_names(request: Request) -> list[str]:
    """The query parameters of the operation."""
    parameters = _operation(request).get("parameters", ())
    return [entry["name"] for entry in parameters if entry["in"] == "query"]


def sibling_names(request: Request, location: Sequence[int | str]) -> list[str]:
    """The fields that the object may have in which a field of this name was found.

    Args:
        request: With a body of JSON.
        location: As pydantic has it: "body", then names and indices.
    """
    document = request.app.openapi()
    schema = _operation(request)["requestBody"]["content"][JSON]["schema"]
    for part in location[1:-1]:
        schema = _resolved(schema, document)
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    return list(_resolved(schema, document)["properties"])


def _operation(request: Request) -> dict[str, Any]:
    path = request.scope["route"].path
    operation: dict[str, Any] = request.app.openapi()["paths"][path][request.method.lower()]
    return operation


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference, or the first of the alternatives, leads to."""
    while "anyOf" in schema or "$ref" in schema:
        if "anyOf" in schema:
            schema = schema["anyOf"][0]
        else:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
