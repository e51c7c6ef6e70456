"""The client beside the OpenAPI document of the service, and each of its calls to a real server."""

import asyncio
import inspect
import io
import json
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Never, get_args, get_origin, get_type_hints, is_typeddict

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.client import AsyncClient, Client, calls, wire_types
from app.client.calls import Call
from app.main import create_app
from app.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = create_app(Settings(), load=lambda _: Predictors()).openapi()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation, by its id."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def builders() -> dict[str, Callable[..., Call[Any]]]:
    return {
        name: function
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__ and not name.startswith("_")
    }


ARGUMENTS: dict[str, dict[str, Any]] = {
    "predict_confidence": {"image": b"picture"},
    "weight_image": {"image": b"picture"},
    "segment_clothing": {"image": b"picture"},
    "make_mesh": {"betas": [1.0], "format": "json"},
    "compare_meshes": {"predicted": {"betas": [1]}, "ground_truth": {"betas": [0]}},
    "measure_body": {"betas": [1.0]},
}
"""The required ones."""


def test_there_is_a_function_and_a_method_for_every_operation_and_no_other(
    operations: Mapping[str, Any],
) -> None:
    assert builders().keys() == operations.keys()
    for kind in (Client, AsyncClient):
        methods = {name for name in vars(kind) if not name.startswith("_")} - {"close", "send"}
        assert methods == operations.keys()


def test_each_call_goes_to_the_documented_path_in_a_documented_content_type(
    operations: Mapping[str, Any],
) -> None:
    for name, (method, path, operation) in operations.items():
        call = builders()[name](**ARGUMENTS.get(name, {}))
        assert (call.method, call.path) == (method, path)
        documented = operation.get("requestBody", {}).get("content", {}).keys()
        assert (call.content_type in documented) if documented else call.content_type is None, name


def test_the_parameters_are_the_documented_ones_with_the_same_values_and_defaults(
    operations: Mapping[str, Any], document: dict[str, Any]
) -> None:
    for name, (_, _, operation) in operations.items():
        parameters = inspect.signature(builders()[name]).parameters
        hints = get_type_hints(builders()[name])
        query = {
            parameter["name"]: parameter["schema"]
            for parameter in operation.get("parameters", [])
            # One format is no choice.
            if parameter["schema"].get("enum", [0, 0])[1:]
        }
        assert parameters.keys() == query.keys() | body_fields(operation, document), name
        for key, schema in query.items():
            if "enum" in schema:
                assert set(literals(hints[key])) == set(schema["enum"]), f"{key} of {name}"
            default = schema.get("default", schema.get("enum", [None])[0])
            assert parameters[key].default in (default, None), f"{key} of {name}"


def body_fields(operation: dict[str, Any], document: dict[str, Any]) -> set[str]:
    contents = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in contents:
        return set()
    name = contents["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


def literals(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [value for part in get_args(hint) for value in literals(part)]


def test_the_types_of_answers_are_the_documented_schemas(
    operations: Mapping[str, Any], document: dict[str, Any]
) -> None:
    checked = set()
    for name, (_, _, operation) in operations.items():
        [answer] = get_args(get_type_hints(builders()[name])["return"])
        content = operation["responses"]["200"]["content"].get("application/json")
        if content is None:
            assert answer is Never, name
            continue
        documented = content["schema"]["$ref"].rpartition("/")[2]
        assert answer.__name__ == documented, name
        for found in typed_dicts(answer):
            assert typed(found) == schema_of(document, found.__name__), found
            checked.add(found.__name__)
    assert checked >= {"Mesh", "SeenKeypoint", "FoundLabel", "MeasurementValue", "Card"}


def test_the_types_of_what_is_sent_and_of_problems_are_the_documented_schemas(
    document: dict[str, Any],
) -> None:
    for found in (wire_types.MeshSource, wire_types.Problem, wire_types.FieldError):
        assert typed(found) == schema_of(document, found.__name__)


def typed_dicts(hint: Any) -> set[Any]:
    """Those that a type is made of."""
    if is_typeddict(hint):
        inner = get_type_hints(hint).values()
        return {hint}.union(*(typed_dicts(part) for part in inner))
    return set().union(*(typed_dicts(part) for part in get_args(hint)))


def typed(found: Any) -> dict[str, Any]:
    """The words for the types of its members, and which members are required."""
    members = {name: words(hint) for name, hint in get_type_hints(found).items()}
    return {"required": sorted(found.__required_keys__), "members": members}


def words(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(sorted(words(part) for part in get_args(hint)))
    if get_origin(hint) is list:
        return f"list of {words(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return f"dict of {words(get_args(hint)[1])}"
    if get_origin(hint) is Literal:
        return f"one of {sorted(get_args(hint))}"
    names = {str: "string", int: "integer", float: "number", bool: "boolean", Any: "anything"}
    return "null" if hint is types.NoneType else names.get(hint) or str(hint.__name__)


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Likewise of a schema of the document: without descriptions, defaults and bounds."""
    schema = document["components"]["schemas"][name]
    members = {key: schema_words(value) for key, value in schema["properties"].items()}
    return {"required": sorted(schema.get("required", [])), "members": members}


def schema_words(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything"
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(sorted(schema_words(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {sorted(schema['enum'])}"
    if schema.get("type") == "array":
        return f"list of {schema_words(schema['items'])}"
    if "additionalProperties" in schema:
        return f"dict of {schema_words(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))


@pytest.fixture(scope="module")
def png() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_every_method_is_answered_by_a_real_server(client: httpx.Client, png: bytes) -> None:
    arguments = {**ARGUMENTS} | {
        name: {"image": png} for name, given in ARGUMENTS.items() if "image" in given
    }
    with Client(str(client.base_url)) as ours:
        for name in builders():
            answer = getattr(ours, name)(**arguments.get(name, {}))
            assert answer.response.status_code == 200
            assert answer.content


def test_the_formats_are_read_as_what_they_are(client: httpx.Client, png: bytes) -> None:
    with Client(str(client.base_url)) as ours:
        values = ours.predict_confidence(png, format="npy").array()
        assert (values.shape, values.dtype) == ((30, 40), np.float32)
        summary = ours.predict_confidence(png, format="json").json()
        assert summary["mean_confidence"] == pytest.approx(values.mean(), abs=1e-4)
        answer = ours.predict_confidence(png)
        assert answer.media_type == "image/png"
        with pytest.raises(TypeError, match="format='json'"):
            answer.json()
        height = ours.measure_body(np.zeros(1)).json()["measurements"]["height"]
        assert height["unit"] == "metre"


def test_a_picture_is_given_by_name_or_as_bytes(
    client: httpx.Client, png: bytes, tmp_path: Any
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png)
    with Client(str(client.base_url)) as ours:
        answers = {ours.weight_image(image).content for image in (png, path, str(path))}
    assert len(answers) == 1


def test_the_async_client_says_the_same(client: httpx.Client, png: bytes) -> None:
    async def ask() -> list[Any]:
        async with AsyncClient(str(client.base_url)) as ours:
            answers = await asyncio.gather(
                *(ours.segment_clothing(png, format="json") for _ in range(3)), ours.list_models()
            )
        return [answer.json() for answer in answers]

    found = asyncio.run(ask())
    with Client(str(client.base_url)) as ours:
        assert found[:3] == [ours.segment_clothing(png, format="json").json()] * 3
        assert found[3] == ours.list_models().json()


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(TypeError, match="a list or an array is needed; object was given"):
        calls.measure_body(object())  # type: ignore[arg-type]
    assert json.loads(calls.measure_body(np.ones(2)).content or b"") == {"betas": [1, 1]}
