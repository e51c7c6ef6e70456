from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor

MESH = {"betas": [0]}


@pytest.fixture
def guarded(start: Callable[..., httpx.Client], tiny_body: BodyPredictor) -> httpx.Client:
    return start(Predictors(body=tiny_body), api_keys="first-key,second-key")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "first-key"},
        {"X-API-Key": "second-key"},
        {"Authorization": "Bearer second-key"},
        {"Authorization": "bearer first-key"},
    ],
)
def test_a_known_key_opens(guarded: httpx.Client, headers: dict[str, str]) -> None:
    assert guarded.post("/mesh", json=MESH, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "no API key was sent"),
        ({"X-API-Key": "third-key"}, "not known"),
        ({"X-API-Key": ""}, "not known"),
        ({"X-API-Key": "first-key,second-key"}, "not known"),
        ({"Authorization": "Basic first-key"}, "no API key was sent"),
        ({"Authorization": "Bearer first"}, "not known"),
    ],
)
def test_anything_else_does_not(
    guarded: httpx.Client, headers: dict[str, str], detail: str
) -> None:
    for path in ("/mesh", "/models", "/metrics", "/docsearch", "/nowhere"):
        method = "POST" if path == "/mesh" else "GET"
        response = guarded.request(method, path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert detail in response.json()["detail"]
        assert "first-key" not in response.text.replace(str(headers), "")


def test_health_needs_no_key(guarded: httpx.Client) -> None:
    assert guarded.get("/health/live").status_code == 200
    assert guarded.get("/health/ready").status_code == 200


def test_the_documentation_needs_no_key(guarded: httpx.Client) -> None:
    """A browser that follows a link sends none."""
    for path in ("/docs", "/docs/docs.js", "/docs/swagger-ui.css", "/openapi.json"):
        assert guarded.get(path).status_code == 200, path


def test_a_key_that_is_not_ascii_is_compared_like_any_other(guarded: httpx.Client) -> None:
    response = guarded.get("/models", headers={b"X-API-Key": b"\xe9\xff"})
    assert response.status_code == 401


def test_a_body_of_exactly_the_limit_is_read(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    client = start(Predictors(body=tiny_body), max_body_mb=0.001)
    json = {"content-type": "application/json"}
    fits = b'{"betas": [0]' + b" " * (1000 - 14) + b"}"
    assert client.post("/mesh", content=fits, headers=json).status_code == 200
    assert client.post("/mesh", content=fits + b" ", headers=json).status_code == 413
    assert client.post("/mesh", content=iter([fits, b" "]), headers=json).status_code == 413
