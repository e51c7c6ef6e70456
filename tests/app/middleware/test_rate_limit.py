import asyncio
import re
from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors
from app.middleware.api_keys import KEY_STATE
from app.middleware.rate_limit import RateLimit, client_of


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_without_keys_a_client_is_an_address_or_a_customers_network(
    address: str, client: str
) -> None:
    assert client_of({"state": {}, "client": (address, 1)}) == client


def test_with_keys_a_client_is_a_key_and_without_anything_it_is_nobody() -> None:
    assert client_of({"state": {KEY_STATE: b"d"}, "client": ("203.0.113.9", 1)}) == "64"
    assert client_of({"state": {}, "client": None}) == "unknown"


def test_one_request_too_many_is_answered_429_with_the_time_to_wait(
    start: Callable[..., httpx.Client],
) -> None:
    client = start(Predictors(), rate_per_minute=3)
    answers = [client.get("/models") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    left = [re.fullmatch(r'"default";r=(\d+);t=\d+', a.headers["ratelimit"]) for a in answers]
    assert [found and found[1] for found in left] == ["2", "1", "0"]
    refused = client.get("/models")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"default";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert refused.json()["type"] == "/problems/rate-exceeded"
    assert client.get("/health/live").status_code == 200
    documented = start(Predictors(), rate_per_minute=3).get("/openapi.json").json()["paths"]
    assert "Retry-After" in documented["/models"]["get"]["responses"]["429"]["headers"]
    assert "429" not in documented["/health/live"]["get"]["responses"]


def test_every_key_has_a_rate_of_its_own(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), rate_per_minute=1, api_keys="one,two")

    def ask(key: str) -> int:
        return client.get("/models", headers={"X-API-Key": key}).status_code

    assert [ask("one"), ask("one"), ask("two"), ask("three"), ask("three")] == [
        200,
        429,
        200,
        401,
        401,
    ]


def test_many_clients_are_forgotten_and_not_kept_for_ever() -> None:
    limit = RateLimit(per_minute=1, max_clients=100)

    async def ask_from_everywhere() -> int:
        for number in range(1000):
            address = f"10.0.{number // 250}.{number % 250}"
            await limit({"type": "http", "path": "/", "state": {}, "client": (address, 1)})
        return len(limit.storage.storage)

    assert asyncio.run(ask_from_everywhere()) <= 101
