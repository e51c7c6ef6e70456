import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from PIL import Image

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = create_app(Settings(), load=lambda _: Predictors()).openapi()
    return loaded


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """Checks values against a schema that refers to the document's components."""
    return jsonschema.Draft202012Validator({"components": document["components"], **schema})


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every documented body, sent or received."""
    for name, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} <- {media_type}", content
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield f"{name} -> {status} {media_type}", content


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    if "examples" in content:
        return [example["value"] for example in content["examples"].values()]
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    found: list[Any] = document["components"]["schemas"].get(name, {}).get("examples", [])
    return found


def test_every_documented_body_has_examples_that_fit_its_schema(document: dict[str, Any]) -> None:
    count = 0
    for name, content in contents(document):
        found = examples(document, content)
        assert found, f"{name} has no example"
        for example in found:
            errors = list(validator(document, content["schema"]).iter_errors(example))
            assert not errors, f"{name}: {errors[0].message}"
            count += 1
    assert count > 50


def test_the_schema_check_can_fail(document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/MeshRequest"}
    assert not validator(document, schema).is_valid({"betas": []})
    assert not validator(document, schema).is_valid({"beta": [1]})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names
    assert names <= document["components"]["schemas"].keys()


def test_every_post_documents_what_can_go_wrong(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if name.startswith("post"):
            documented = operation["responses"].keys()
            assert {"200", "400", "406", "413", "422", "503", "504"} <= documented, name


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/mesh", {"betas": [1, -1]}, "Mesh"),
        ("/mesh?faces=false", {"betas": [1, -1]}, "Mesh"),
        (
            "/mesh/errors",
            {"predicted": {"betas": [1]}, "ground_truth": {"betas": [2]}},
            "MeshErrors",
        ),
        ("/measurements", {"betas": [1]}, "BodyMeasurements"),
        ("/mesh", {"betas": []}, "Problem"),
    ],
)
def test_json_answers_fit_their_schemas(
    client: httpx.Client, document: dict[str, Any], path: str, body: object, schema: str
) -> None:
    answer = client.post(path, json=body).json()
    check = validator(document, {"$ref": f"#/components/schemas/{schema}"})
    assert not list(check.iter_errors(answer))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/models", "Capabilities"),
        ("/health/ready", "Health"),
        ("/health/live", "Liveness"),
        ("/mesh/faces", "Faces"),
    ],
)
def test_what_is_got_fits_their_schemas(
    client: httpx.Client, document: dict[str, Any], path: str, schema: str
) -> None:
    response = client.get(path)
    assert response.status_code == 200
    check = validator(document, {"$ref": f"#/components/schemas/{schema}"})
    assert not list(check.iter_errors(response.json()))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/confidence", "ConfidenceMap"),
        ("/clothing", "ClothingMap"),
        ("/clothing?scheme=fine", "ClothingMap"),
    ],
)
def test_a_map_as_json_fits_its_schema(
    client: httpx.Client, document: dict[str, Any], photo: Image.Image, path: str, schema: str
) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    headers = {"accept": "application/json"}
    files = {"image": buffer.getvalue()}
    answer = client.post(path, files=files, headers=headers).json()
    check = validator(document, {"$ref": f"#/components/schemas/{schema}"})
    assert not list(check.iter_errors(answer))


def test_the_documented_requests_are_answered(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    for path in (
        "/mesh",
        "/mesh/errors",
        "/measurements",
        "/confidence",
        "/clothing",
        "/synthesis",
    ):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for example in examples(document, content):
            assert client.post(path, json=example).status_code == 200, example


def test_keys_are_documented_where_they_are_asked_for(document: dict[str, Any]) -> None:
    assert "securitySchemes" not in document["components"]
    app: FastAPI = create_app(Settings(api_keys="k"), load=lambda _: Predictors())  # type: ignore[arg-type]
    guarded = app.openapi()
    assert guarded["paths"]["/mesh"]["post"]["security"] == [{"header": []}, {"bearer": []}]
    assert "401" in guarded["paths"]["/mesh"]["post"]["responses"]
    assert "security" not in guarded["paths"]["/health/live"]["get"]


def test_the_documentation_page_is_there(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "docs/swagger-ui-bundle.js" in page.text


def test_every_operation_has_a_short_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert {"predict_confidence", "weight_image", "segment_clothing", "make_mesh"} <= set(names)
    assert all(name.islower() and len(name) < 20 for name in names)


def test_every_endpoint_of_pictures_documents_the_three_ways_in(document: dict[str, Any]) -> None:
    bodies = [
        operation["requestBody"]["content"].keys()
        for _, operation in operations(document)
        if "image/*" in operation.get("requestBody", {"content": {}})["content"]
    ]
    assert bodies == [{"multipart/form-data", "application/json", "image/*"}] * 3


def test_every_endpoint_with_several_formats_documents_their_names(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document):
        formats = [
            parameter["schema"]["enum"]
            for parameter in operation.get("parameters", ())
            if parameter["name"] == "format"
        ]
        num_types = len(operation["responses"]["200"]["content"])
        assert [len(names) for names in formats] == (
            [num_types] if "406" in operation["responses"] else []
        ), name
