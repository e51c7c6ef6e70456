"""Everything that the OpenAPI document allows, and some of what it forbids, asked of a server.

Every answer must be documented: its status, its type, its schema and its headers. What the document
forbids must be refused, and nothing may fail.
"""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings

# A picture is any bytes to the document, and two meshes any vertices; the server looks closer.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["200", "304", "400", "406", "415", "422"]
        },
        "negative_data_rejection": {
            "expected-statuses": ["400", "404", "405", "406", "415", "422"]
        },
    }
}
PATHS: dict[str, Any] = create_app(Settings(), load=lambda _: Predictors()).openapi()["paths"]
ASKED = [
    (path, method, mode)
    for path, operations in PATHS.items()
    for method, operation in operations.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or "requestBody" in operation
]


@pytest.fixture(scope="module")
def described(client: httpx.Client) -> OpenApiSchema:
    """The document of the server that has every capability."""
    loaded: OpenApiSchema = schemathesis.openapi.from_url(
        f"{client.base_url}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
    )
    return loaded


@pytest.mark.parametrize(("path", "method", "mode"), ASKED)
def test_every_answer_is_documented_and_nothing_fails(
    described: OpenApiSchema, path: str, method: str, mode: GenerationMode
) -> None:
    operation = described[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=12 if "requestBody" in PATHS[path][method] else 3,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate()

    ask()
