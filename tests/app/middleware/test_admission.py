"""A place is held from the head of a request to its answer: with a real server and sockets."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.middleware import admission
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


def test_who_finds_no_place_is_answered_before_the_body_is_there(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1)
    inside, outside = connect(client), connect(client)
    begin(inside)
    outside.sendall(HEAD + b"\r\n")
    answer = outside.recv(65536)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    assert b"x-request-id: " in answer
    assert b"nosniff" in answer
    assert b"/problems/queue-full" in answer
    inside.sendall(BODY)
    assert status(inside) == 200
    # The connection is good for more: what is still sent of the refused body is not a new request.
    outside.sendall(BODY)
    outside.sendall(HEAD + b"\r\n" + BODY)
    assert status(outside) == 200
    text = client.get("/metrics").text
    assert 'habitus_requests_total{method="POST",route="/mesh",status="503"} 1.0' in text
    assert 'habitus_refused_items_total{reason="queue_full"} 1.0' in text


def test_a_refused_client_that_must_close_can_still_send_all_and_read_why(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1)
    inside, outside = connect(client), connect(client)
    begin(inside)
    head = HEAD.replace(b"/mesh", b"/mesh/errors").replace(b": 14", b": 3000000")
    outside.sendall(head + b"Connection: close\r\n\r\n")
    time.sleep(0.1)  # refused meanwhile
    for _ in range(3):
        outside.sendall(b" " * 100_000)  # a reset would raise here, and take the answer away
        time.sleep(0.02)
    answer = b""
    while part := outside.recv(65536):
        answer += part
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"/problems/queue-full" in answer


def test_a_place_is_free_again_while_a_body_is_slow(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "HOLD_S", 0.2)
    client = start(Predictors(body=tiny_body), max_queue=1)
    slow = connect(client)
    begin(slow)
    deadline = time.monotonic() + PATIENCE_S
    while client.post("/mesh", content=BODY).status_code == 503:
        assert time.monotonic() < deadline
    slow.sendall(BODY)  # and the slow one takes a place when it has arrived
    assert status(slow) == 200


def test_a_slow_body_is_refused_at_its_end_if_there_is_no_place_then(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    held: Any,
    photo: Image.Image,
    connect: Callable[[httpx.Client], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "HOLD_S", 0.2)
    predictors = Predictors(silhouette=held, body=tiny_body)
    client = start(predictors, max_queue=1)
    slow = connect(client)
    begin(slow)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    answers: list[int] = []

    def ask() -> None:
        while (found := client.post("/confidence", files={"image": buffer.getvalue()})) is not None:
            answers.append(found.status_code)
            if found.status_code == 200:
                return

    asking = threading.Thread(target=ask)
    asking.start()
    assert held.entered.wait(PATIENCE_S)
    slow.sendall(BODY)
    assert status(slow) == 503
    held.let_go.set()
    asking.join()
    assert answers[-1] == 200


def test_slow_senders_hold_at_most_half_of_the_places(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "HOLD_S", 10.0 * PATIENCE_S)
    client = start(Predictors(body=tiny_body), max_queue=4)
    slow = [connect(client) for _ in range(9)]
    for connection in slow:
        begin(connection)
    assert client.post("/mesh", content=BODY).status_code == 415  # no content type; but let in
    for connection in slow:
        connection.sendall(BODY)
    assert {status(connection) for connection in slow} <= {200, 503}


@pytest.mark.parametrize("end", ["hang up", "too slow", "nonsense"])
def test_a_body_that_never_comes_frees_its_place(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    connect: Callable[[httpx.Client], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr(admission, "HOLD_S", 10.0 * PATIENCE_S)
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
