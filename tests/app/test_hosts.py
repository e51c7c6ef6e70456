from collections.abc import Callable

import httpx
import pytest

from app.hosts import MalformedHostError, host_name, is_served
from app.predictors import Predictors


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", "localhost"),
        (b"LocalHost:8000", "localhost"),
        (b"example.org.", "example.org"),
        (b"[::1]:80", "[::1]"),
        (b"10.0.0.7:8000", "10.0.0.7"),
    ],
)
def test_the_name_of_a_host_header_is_read_without_its_port(header: bytes, name: str) -> None:
    assert host_name({"headers": [(b"host", header)]}) == name


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b"a.org", b"a.org"],
        [b""],
        [b"a.org/../b"],
        [b"user@a.org"],
        [b"a.org:http"],
        [b"a b"],
        [b"a.org?b"],
        [b"\xe9.org"],
        [b"[::1"],
    ],
)
def test_any_other_header_is_refused(headers: list[bytes]) -> None:
    with pytest.raises(MalformedHostError):
        host_name({"headers": [(b"host", header) for header in headers]})


@pytest.mark.parametrize(
    ("name", "served", "names"),
    [
        ("a.org", True, ("a.org",)),
        ("b.a.org", False, ("a.org",)),
        ("b.a.org", True, ("*.a.org",)),
        ("a.org", False, ("*.a.org",)),
        ("evil-a.org", False, ("a.org", "*.a.org")),
        ("anything", True, ("*",)),
    ],
)
def test_a_name_is_served_where_it_or_its_domain_is_listed(
    name: str, served: bool, names: tuple[str, ...]
) -> None:
    assert is_served(name, names) is served


def test_a_page_that_gives_this_machine_a_name_of_its_own_gets_nothing(
    start: Callable[..., httpx.Client],
) -> None:
    client = start(Predictors())
    refused = client.get("/models", headers={"Host": "attacker.example"})
    assert refused.status_code == 400
    assert refused.json()["type"] == "/problems/bad-request-head"
    assert "HABITUS_ALLOWED_HOSTS" in refused.json()["detail"]
    assert refused.headers["x-request-id"] == refused.json()["instance"]
    assert client.get("/models", headers={"Host": "localhost:99"}).status_code == 200
    assert client.get("/health/live", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/health/live", headers={"Host": "a/b"}).status_code == 400


def test_a_listed_name_is_served(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), allowed_hosts="body.example, *.lab.example")
    for host, status in (("body.example", 200), ("x.lab.example:8000", 200), ("localhost", 400)):
        assert client.get("/models", headers={"Host": host}).status_code == status
