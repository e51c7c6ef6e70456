"""A place is held from the end of a body to the answer: with a real server and sockets."""

import io
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor
from model.silhouette.predictor import SilhouettePredictor

Connect = Callable[[], socket.socket]
PATIENCE_S = 30
HEAD = (
    b"POST /mesh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 14\r\n"
)
BODY = b'{"betas": [0]}'


@pytest.fixture
def connect() -> Iterator[Callable[[httpx.Client], socket.socket]]:
    with ExitStack() as stack:

        def open_one(client: httpx.Client) -> socket.socket:
            address = (client.base_url.host, client.base_url.port)
            connection = socket.create_connection(address, timeout=PATIENCE_S)
            return stack.enter_context(closing(connection))

        yield open_one


def begin(connection: socket.socket, more: bytes = b"") -> None:
    """Send a head and wait until the server asks for the body: the request is past the door."""
    connection.sendall(HEAD + more + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


def status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split()[1])


@pytest.fixture
def full(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor, held: Any, photo: Image.Image
) -> Iterator[httpx.Client]:
    """A server of one place, which a photo holds until the predictor is let go."""
    client = start(Predictors(silhouette=held, body=tiny_body), max_queue=1)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    files = {"image": buffer.getvalue()}
    url = f"{client.base_url}/confidence"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: httpx.post(url, files=files, trust_env=False, timeout=60))
        assert held.entered.wait(PATIENCE_S)
        yield client
        held.let_go.set()
        assert asked.result().status_code == 200


def test_who_finds_no_place_is_answered_before_the_body_is_there(
    full: httpx.Client, held: Any, connect: Callable[[httpx.Client], socket.socket]
) -> None:
    expecting = connect(full)
    expecting.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
    answer = expecting.recv(65536).lower()
    assert answer.startswith(b"http/1.1 503 ")
    assert b"connection: close" in answer
    outside = connect(full)
    outside.sendall(HEAD + b"\r\n")
    answer = outside.recv(65536)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    assert b"x-request-id: " in answer
    assert b"nosniff" in answer
    assert b"/problems/queue-full" in answer
    text = full.get("/metrics").text
    assert 'habitus_requests_total{method="POST",route="/mesh",status="503"} 2.0' in text
    assert 'habitus_problems_total{reason="queue-full"} 2.0' in text
    held.let_go.set()
    deadline = time.monotonic() + PATIENCE_S
    while "habitus_admitted_requests 0.0" not in full.get("/metrics").text:
        assert time.monotonic() < deadline
    # The connection is good for more: what is still sent of the refused body is not a new request.
    outside.sendall(BODY)
    outside.sendall(HEAD + b"\r\n" + BODY)
    assert status(outside) == 200


def test_a_body_that_is_slow_holds_no_place(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1)
    slow = [connect(client) for _ in range(3)]
    for connection in slow:
        begin(connection)
    assert client.post("/mesh", json={"betas": [0]}).status_code == 200
    for connection in slow:
        connection.sendall(BODY)
        assert status(connection) == 200


def test_a_body_is_refused_at_its_end_if_there_is_no_place_then(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    held: Any,
    photo: Image.Image,
    connect: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(Predictors(silhouette=held, body=tiny_body), max_queue=1)
    slow = connect(client)
    begin(slow)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/confidence", files={"image": buffer.getvalue()})
        assert held.entered.wait(PATIENCE_S)
        slow.sendall(BODY)
        assert status(slow) == 503
        held.let_go.set()
        assert asked.result().status_code == 200


@pytest.mark.parametrize("end", ["hang up", "too slow", "nonsense"])
def test_a_body_that_never_comes_frees_its_place(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
    end: str,
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1, body_timeout_s=0.3)
    json = {"Content-Type": "application/json"}
    for _ in range(3):
        connection = connect(client)
        begin(connection)
        if end == "hang up":
            connection.close()
        elif end == "too slow":
            assert status(connection) == 408
        else:
            connection.sendall(b"x" * 14)
            assert status(connection) == 400
        deadline = time.monotonic() + PATIENCE_S
        while client.post("/mesh", content=BODY, headers=json).status_code != 200:
            assert time.monotonic() < deadline


def test_what_holds_no_item_needs_no_place(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1)
    begin(connect(client))
    assert client.get("/mesh/faces").status_code == 200
    assert client.get("/mesh").status_code == 405
    assert client.post("/nowhere").status_code == 404
    assert client.get("/health/ready").status_code == 200


def test_a_body_of_many_parts_arrives_as_it_was_sent(
    start: Callable[..., httpx.Client], tiny_silhouette: SilhouettePredictor
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "BMP")
    client = start(Predictors(silhouette=tiny_silhouette))
    request = client.build_request("POST", "/confidence", files={"image": buffer.getvalue()})
    body, head = request.read(), {"Content-Type": request.headers["content-type"]}
    whole = client.post("/confidence", content=body, headers=head)
    assert whole.status_code == 200
    for size in (1000, 70_000, 300_000):
        parts = iter([body[first : first + size] for first in range(0, len(body), size)])
        answer = client.post("/confidence", content=parts, headers=head)
        assert answer.content == whole.content
