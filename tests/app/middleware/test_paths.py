from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors
from app.middleware.paths import is_operational, route_path


@pytest.mark.parametrize(
    ("root", "path", "inner"),
    [
        ("", "/mesh", "/mesh"),
        ("/habitus", "/habitus/mesh", "/mesh"),
        ("/habitus", "/habitus/habitus/mesh", "/habitus/mesh"),
        ("/habitus", "/habitusmesh", "/habitusmesh"),
        ("/habitus", "/mesh", "/mesh"),
    ],
)
def test_the_prefix_of_a_proxy_is_taken_off(root: str, path: str, inner: str) -> None:
    assert route_path({"root_path": root, "path": path}) == inner


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/p/health/live", True),
        ("/p/v2/health/ready", True),
        ("/p/metrics", True),
        ("/p/metricsx", False),
        ("/p/mesh", False),
        ("/p/p/health/live", False),
    ],
)
def test_supervisors_are_known_by_their_paths(path: str, answer: bool) -> None:
    assert is_operational({"root_path": "/p", "path": path}) is answer


def test_behind_a_proxy_with_a_prefix_everything_is_where_it_says(
    start: Callable[..., httpx.Client], every_capability: Predictors
) -> None:
    """The proxy takes the prefix off: the server is asked without it."""
    client = start(every_capability, root_path="/habitus", api_keys="k", allowed_hosts="a.example")
    assert client.get("/health/live").status_code == 200
    host = {"Host": "a.example"}
    document = client.get("/openapi.json", headers=host).json()
    assert document["servers"] == [{"url": "/habitus"}]
    assert client.get("/docs", headers=host).status_code == 200
    assert client.get("/models", headers=host).status_code == 401
    keyed = {**host, "X-API-Key": "k"}
    assert client.get("/models", headers=keyed).status_code == 200
    assert client.post("/mesh", json={"betas": [1]}, headers=keyed).status_code == 200
    assert client.get("/habitus/health/live", headers=keyed).status_code == 404
