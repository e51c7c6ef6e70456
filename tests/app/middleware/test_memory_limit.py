"""The memory of decoded pictures and of answers that are not sent yet is bounded."""

import asyncio
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.types import Message, Receive, Scope, Send

from app.capabilities import Predictors
from app.middleware.memory_limit import (
    BYTES_PER_PIXEL,
    Claim,
    MemoryBudget,
    MemoryLimit,
    claim_picture,
)
from app.middleware.send_timeout import PART_BYTES
from app.telemetry.metrics import Metrics
from model.silhouette.predictor import SilhouettePredictor

SIDE = 2000
PICTURE_MB = SIDE * SIDE * BYTES_PER_PIXEL / 1e6
MAP_MB = SIDE * SIDE * 4 / 1e6


@pytest.fixture(scope="module")
def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(buffer, "PNG")
    return buffer.getvalue()


def ask(client: httpx.Client, picture: bytes) -> httpx.Response:
    return client.post(
        "/confidence", files={"image": picture}, headers={"accept": "application/x-npy"}
    )


def claimed_mb(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("habitus_claimed_bytes ")]
    return float(value) / 1e6


def wait_until_claimed(client: httpx.Client, megabytes: float) -> None:
    while claimed_mb(client) != pytest.approx(megabytes, abs=0.01):
        pass


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"] == "/problems/too-many-requests-at-once"
    assert "ask again shortly" in answer.json()["detail"]


@pytest.fixture
def read_slowly(picture: bytes) -> Iterator[Callable[[httpx.Client], socket.socket]]:
    """Ask for a map, and take nothing of it but what the system takes."""
    with ExitStack() as stack:

        def begin(client: httpx.Client) -> socket.socket:
            headers = {"accept": "application/x-npy"}
            files = {"image": picture}
            request = client.build_request("POST", "/confidence", files=files, headers=headers)
            head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((client.base_url.host, client.base_url.port or 0))
            connection.sendall(b"POST /confidence HTTP/1.1\r\n" + head.encode() + b"\r\n")
            connection.sendall(request.read())
            return connection

        yield begin


def test_a_picture_for_which_there_is_no_room_is_refused_at_once(
    start: Callable[..., httpx.Client], held: Any, picture: bytes
) -> None:
    client = start(Predictors(silhouette=held), max_in_flight_mb=1.5 * PICTURE_MB)
    first: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: first.append(ask(client, picture)))
    asking.start()
    assert held.entered.wait(30)
    assert claimed_mb(client) == pytest.approx(PICTURE_MB)
    with httpx.Client(base_url=client.base_url, trust_env=False) as other:
        assert_refused(ask(other, picture))
        held.let_go.set()
        asking.join()
        assert first[0].status_code == 200
        assert ask(other, picture).status_code == 200
    assert claimed_mb(client) == 0


def test_a_lone_picture_is_read_though_it_needs_more_than_is_allowed_for_all(
    start: Callable[..., httpx.Client], tiny_silhouette: SilhouettePredictor, picture: bytes
) -> None:
    client = start(Predictors(silhouette=tiny_silhouette), max_in_flight_mb=1)
    assert ask(client, picture).status_code == 200


def test_an_answer_is_counted_until_its_client_has_taken_it(
    start: Callable[..., httpx.Client],
    tiny_silhouette: SilhouettePredictor,
    picture: bytes,
    read_slowly: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(
        Predictors(silhouette=tiny_silhouette), max_in_flight_mb=PICTURE_MB + 1.5 * MAP_MB
    )
    leaving = read_slowly(client)
    wait_until_claimed(client, MAP_MB)
    reading = read_slowly(client)
    wait_until_claimed(client, 2 * MAP_MB)
    assert_refused(ask(client, picture))
    leaving.close()
    wait_until_claimed(client, MAP_MB)
    assert ask(client, picture).status_code == 200
    taken = b""
    while len(taken) < SIDE * SIDE * 4:
        taken += reading.recv(1 << 20)
    body = taken.partition(b"\r\n\r\n")[2]
    while len(body) < SIDE * SIDE * 4 + 128:
        body += reading.recv(1 << 20)
    assert np.load(io.BytesIO(body)).shape == (SIDE, SIDE)
    wait_until_claimed(client, 0)


@pytest.mark.parametrize("end", ["refused", "client gone"])
def test_memory_is_free_again_however_a_request_ends(
    start: Callable[..., httpx.Client],
    held: Any,
    picture: bytes,
    read_slowly: Callable[[httpx.Client], socket.socket],
    end: str,
) -> None:
    client = start(Predictors(silhouette=held))
    if end == "refused":
        assert ask(client, picture[: len(picture) // 2]).status_code == 422
    else:
        connection = read_slowly(client)
        assert held.entered.wait(30)
        connection.close()
    wait_until_claimed(client, 0)


SCOPE: Scope = {"type": "http", "state": {"request_id": "an-id"}}


class Answering:
    """An app whose answer is so large, for a client that takes it when it is let go."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[Message] = []
        self.let_go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if len(self.sent) > 1:
            await self.let_go.wait()


async def receive() -> Message:
    return {"type": "http.disconnect"}


def test_an_answer_for_which_there_is_no_room_is_not_begun() -> None:
    async def go() -> tuple[list[Message], int, int]:
        answering = Answering(bytes(10 * PART_BYTES))
        gate = MemoryLimit(answering, 15 * PART_BYTES, Metrics())
        slow = asyncio.create_task(gate(SCOPE, receive, answering.send))
        while len(answering.sent) < 2:
            await asyncio.sleep(0)
        held = gate.budget.num_claimed
        refused: list[Message] = []

        async def send(message: Message) -> None:
            refused.append(message)

        await gate(SCOPE, receive, send)
        answering.let_go.set()
        await slow
        return refused, held, gate.budget.num_claimed

    refused, held, after = asyncio.run(go())
    assert [message["type"] for message in refused] == ["http.response.start", "http.response.body"]
    assert refused[0]["status"] == 503
    assert (held, after) == (10 * PART_BYTES, 0)


def test_a_claim_for_the_same_picture_is_made_once_and_given_back() -> None:
    budget = MemoryBudget(100 * BYTES_PER_PIXEL)
    with Claim(budget):
        claim_picture(60)
        claim_picture(60)
        assert budget.num_claimed == 60 * BYTES_PER_PIXEL
    assert budget.num_claimed == 0
    claim_picture(60)  # outside of a request
    assert budget.num_claimed == 0
