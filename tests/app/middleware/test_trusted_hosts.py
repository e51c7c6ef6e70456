from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors


def test_a_page_that_gives_this_machine_a_name_of_its_own_gets_nothing(
    start: Callable[..., httpx.Client],
) -> None:
    client = start(Predictors())
    refused = client.get("/models", headers={"Host": "attacker.example"})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/bad-request-head"
    assert "'attacker.example'; HABITUS_ALLOWED_HOSTS" in refused.json()["detail"]
    assert refused.headers["x-request-id"] == refused.json()["instance"]
    assert client.get("/models", headers={"Host": "localhost:99"}).status_code == 200


@pytest.mark.parametrize("host", ["a/b", "user@localhost", "localhost:http", "[::1", ""])
def test_a_malformed_name_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/models", headers={"Host": host}).status_code == 400


def test_listed_names_and_subdomains_are_served(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), allowed_hosts="body.example, *.lab.example, [2001:db8::1]")
    for host, status in (
        ("body.example", 200),
        ("Body.Example", 200),
        ("x.lab.example:8000", 200),
        ("[2001:db8::1]:80", 200),
        ("lab.example", 400),
        ("evil-lab.example", 400),
        ("localhost", 400),
    ):
        assert client.get("/models", headers={"Host": host}).status_code == status, host


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v2/health/live", "/metrics"])
def test_supervisors_and_prometheus_ask_by_any_address(
    start: Callable[..., httpx.Client], every_capability: Predictors, path: str
) -> None:
    client = start(every_capability, allowed_hosts="body.example")
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200
