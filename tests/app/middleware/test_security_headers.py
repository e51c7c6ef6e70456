import re
from collections.abc import Callable, Sequence

import httpx
import pytest

from app.capabilities import Predictors
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor

EXPECTED = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/mesh", 422),
        ("GET", "/models", 200),
        ("GET", "/health/live", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/mesh", 405),
        ("GET", "/openapi.json", 200),
    ],
)
def test_every_answer_tells_browsers_to_keep_and_run_nothing(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert {name: response.headers[name] for name in EXPECTED} == EXPECTED
    assert "server" not in response.headers


def test_the_documentation_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "http" not in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in page.text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) == 4
    sources += re.findall(r'url: "(.+)"', client.get("/docs/docs.js").text)
    assert sources[-1] == "openapi.json"
    for source in sources:
        assert not source.startswith(("/", "http"))  # a proxy may serve it under a prefix
        answer = client.get(source)
        assert answer.status_code == 200, source
        assert answer.headers["x-content-type-options"] == "nosniff"
    bundle = client.get("/docs/swagger-ui-bundle.js")
    assert bundle.headers["content-type"].startswith("text/javascript")
    assert "max-age" in bundle.headers["cache-control"]
    assert "SwaggerUIBundle" in bundle.text
    assert client.get("/docs/main.py").status_code == 404
    assert client.get("/docs/..%2fmain.py").status_code == 404


PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}


def test_without_a_configuration_no_page_of_another_origin_may_ask(client: httpx.Client) -> None:
    assert client.options("/mesh", headers=PREFLIGHT).status_code == 405
    answer = client.get("/models", headers={"Origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_a_configured_origin_may_ask(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), cors_origins="https://a.example", api_keys="k")
    asked = {**PREFLIGHT, "Access-Control-Request-Headers": "x-api-key"}
    allowed = client.options("/mesh", headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    refused = client.options("/mesh", headers={**PREFLIGHT, "Origin": "https://b.example"})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert refused.headers["vary"].startswith("Origin")
    headers = {"Origin": "https://a.example", "X-API-Key": "k"}
    answer = client.get("/models", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


class BrokenBody(BodyPredictor):
    """Has a bug that its warm-up does not meet."""

    def predict_batch(self, items: Sequence[BodyParameters]) -> list[BodyMesh]:
        if any(item.betas[0] == 13 for item in items):
            raise ZeroDivisionError
        return super().predict_batch(items)


def test_a_page_of_a_configured_origin_may_read_every_refusal_and_failure(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    client = start(
        Predictors(body=BrokenBody(tiny_body.smpl)),
        cors_origins="https://a.example",
        rate_per_minute=5,
        max_body_mb=0.001,
    )
    page = {"Origin": "https://a.example"}
    answers = [
        client.post("/mesh", json={"betas": [13]}, headers=page),
        client.post("/mesh", json={"betas": []}, headers=page),
        client.post("/mesh", content=bytes(1001), headers=page),
        client.get("/nowhere", headers=page),
        client.get("/models", headers={**page, "X": "x" * 40_000}),
        client.get("/models", headers={**page, "Host": "attacker.example"}),
        client.get("/models", headers=page),
        client.get("/models", headers=page),
    ]
    assert [a.status_code for a in answers] == [500, 422, 413, 404, 431, 400, 200, 429]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert {name: answer.headers[name] for name in EXPECTED} == EXPECTED
