import random
from collections.abc import Callable

import httpx
import pytest

from app import rate
from app.limits import KEY_STATE
from app.predictors import Predictors
from app.rate import TokenBuckets, client_of


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_spend_a_minutes_worth_at_once_and_then_waits_for_each() -> None:
    clock = Clock()
    buckets = TokenBuckets(30, clock)
    assert [buckets.take("a") for _ in range(30)] == [0] * 30
    assert buckets.take("a") == pytest.approx(2)
    assert buckets.take("b") == 0
    clock.now = 1.5
    assert buckets.take("a") == pytest.approx(0.5)
    clock.now = 2.0
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    clock.now = 1e6
    assert [buckets.take("a") for _ in range(31)].count(0) == 30


def test_a_rate_below_one_a_minute_lets_one_through() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.5, clock)
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(120)


def test_however_a_client_asks_it_never_exceeds_the_rate_and_a_burst() -> None:
    clock, generator = Clock(), random.Random(0)
    buckets = TokenBuckets(60, clock)
    num_taken = 0
    for _ in range(5000):
        clock.now += generator.expovariate(20)
        num_taken += buckets.take("a") == 0
    assert 60 + clock.now - 2 <= num_taken <= 60 + clock.now


def test_many_clients_are_forgotten_and_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MAX_BUCKETS", 100)
    buckets = TokenBuckets(1, Clock())
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_without_keys_a_client_is_an_address_or_a_customers_network(
    address: str, client: str
) -> None:
    assert client_of({"state": {}, "client": (address, 1)}) == client


def test_with_keys_a_client_is_a_key_and_without_anything_it_is_nobody() -> None:
    assert client_of({"state": {KEY_STATE: b"d"}, "client": ("203.0.113.9", 1)}) == b"d"
    assert client_of({"state": {}, "client": None}) == "unknown"


def test_one_request_too_many_is_answered_429_with_the_time_to_wait(
    start: Callable[..., httpx.Client],
) -> None:
    client = start(Predictors(), rate_per_minute=3)
    assert [client.get("/models").status_code for _ in range(3)] == [200] * 3
    refused = client.get("/models")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
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
