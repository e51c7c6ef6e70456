"""Nothing that a client sends keeps the event loop from others."""

import gc
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor

MAX_STALL_S = 0.25
"""Measured: 0.02 s; the rest is for a busy machine. 3 MB of `[]` that nothing bounds take 0.5 s."""
JSON = {"content-type": "application/json"}
WORST = {
    "/mesh": [
        b'{"betas": [' + b"[]," * 21_000 + b"[]]}",
        b"{" + b",".join(b'"%x":0' % number for number in range(6_000)) + b"}",
    ],
    "/measurements": [
        b'{"betas": [' + b"[]," * 40_000 + b"[]]}",
        b'{"vertices": [' + b"[1.5,1.5,1.5]," * 39_999 + b"[1,1,1]]}",
        b'{"betas": [' + b"[]," * 1_300_000 + b"[]]}",
    ],
    "/pose/depth": [
        b'{"poses": [' + b"[]," * 190_000 + b"[]]}",
        b'{"poses": [' + b"[" + b"[1.5,1.5,1.5]," * 49_000 + b"[1,1,1]]]}",
        b'{"poses": [['
        + b",".join([b"[1.5,1.5,1.5]"] * 17)
        + b"]"
        + b",[[1,1,1]]" * 30_000
        + b"]}",
    ],
    "/mesh/errors": [
        # As large as they may be, and as many values as there may be.
        b'{"predicted": {"betas": [' + b"[]," * 40_000 + b"[]]}}",
        b'{"predicted": {"vertices": [' + (b"[" * 100 + b"]" * 100 + b",") * 400 + b"[]]}}",
        b'{"predicted": {"vertices": [' + b"[1.5,1.5,1.5]," * 39_999 + b"[1,1,1]]}}",
        b'{"predicted": {"betas": ["' + b"\\u0000" * 600_000 + b'"]}}',
        # More of everything.
        b'{"predicted": {"betas": [' + b"[]," * 1_300_000 + b"[]]}}",
        b"{" + b",".join(b'"%x":0' % number for number in range(400_000)) + b"}",
    ],
}


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """As in a server, whose collector does not go through what was there at its start."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def longest_wait_s(client: httpx.Client, path: str) -> float:
    """Of the health checks while another client sends every body."""
    statuses: list[int] = []

    def send_all() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60, trust_env=False) as sender:
            for body in WORST[path]:
                statuses.append(sender.post(path, content=body, headers=JSON).status_code)

    sending = threading.Thread(target=send_all)
    waits_s: list[float] = []
    sending.start()
    while sending.is_alive():
        began = time.perf_counter()
        assert client.get("/health/live").status_code == 200
        waits_s.append(time.perf_counter() - began)
    sending.join()
    assert set(statuses) <= {413, 422}
    assert len(statuses) == len(WORST[path])
    return max(waits_s)


@pytest.mark.usefixtures("frozen_heap")
@pytest.mark.parametrize("path", WORST)
def test_health_checks_are_answered_at_once_beside_bodies_that_are_costly_to_parse(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor, path: str
) -> None:
    client = start(Predictors(body=tiny_body))
    # Other processes can hold up one turn; a body that stalls the loop does so in each.
    assert min(longest_wait_s(client, path) for _ in range(3)) < MAX_STALL_S
