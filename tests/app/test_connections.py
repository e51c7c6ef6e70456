"""Raw sockets against a real server: whatever a client does, its connection ends."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from app.predictors import Predictors
from model.body.predictor import BodyPredictor

Connect = Callable[[], socket.socket]
HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /mesh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PATIENCE_S = 30


@pytest.fixture
def connect(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> Iterator[Callable[..., Connect]]:
    """Start a server that loses its patience soon, and connect to it."""
    with ExitStack() as stack:

        def start_one(**settings: object) -> Connect:
            brief = {"head_timeout_s": 1, "body_timeout_s": 1, "send_timeout_s": 1}
            client = start(Predictors(body=tiny_body), **{**brief, **settings})

            def open_one() -> socket.socket:
                address = (client.base_url.host, client.base_url.port)
                return stack.enter_context(
                    closing(socket.create_connection(address, timeout=PATIENCE_S))
                )

            return open_one

        yield start_one


def read_all(connection: socket.socket) -> bytes:
    """Until the server closes."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def assert_refused(answer: bytes, status: int, kind: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
    assert b"\r\nconnection: close" in head.lower()
    assert b"content-type: application/problem+json" in head.lower()
    assert b"nosniff" in head
    assert json.loads(body)["type"] == f"/problems/{kind}"


def alive(connect: Connect) -> bool:
    connection = connect()
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    return read_all(connection).startswith(b"HTTP/1.1 200")


def test_a_connection_that_says_nothing_is_closed(connect: Callable[..., Connect]) -> None:
    assert read_all(connect()()) == b""


def test_a_head_that_trickles_is_refused_however_lively_it_is(
    connect: Callable[..., Connect],
) -> None:
    open_one = connect()
    connection = open_one()
    connection.sendall(HEAD)
    connection.settimeout(0.05)
    answer, number = b"", 0
    deadline = time.monotonic() + PATIENCE_S
    while not answer and time.monotonic() < deadline:
        connection.sendall(f"X-{number}: 1\r\n".encode())
        number += 1
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            continue
    assert_refused(answer, 408, "too-slow")
    assert alive(open_one)


def test_blank_lines_do_not_keep_a_connection_open(connect: Callable[..., Connect]) -> None:
    connection = connect()()
    connection.sendall(HEAD + b"\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.settimeout(0.05)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"\r\n")
            if connection.recv(65536) == b"":
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("the connection is still open")


def test_a_body_that_trickles_is_refused(connect: Callable[..., Connect]) -> None:
    open_one = connect()
    for framing, part in (
        (b"Content-Length: 1000\r\n\r\n", b" "),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ):
        connection = open_one()
        connection.sendall(POST + framing)
        connection.settimeout(0.05)
        answer = b""
        deadline = time.monotonic() + PATIENCE_S
        while not answer and time.monotonic() < deadline:
            connection.sendall(part)
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        assert_refused(answer, 408, "too-slow")


def test_an_idle_connection_is_closed_and_a_lively_one_kept(
    connect: Callable[..., Connect],
) -> None:
    connection = connect(keep_alive_s=2)()
    for _ in range(3):
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(1.1)  # longer than a head may take: an idle connection awaits none
    assert read_all(connection) == b""


@pytest.mark.parametrize("part", [b"X: " + b"x" * 1000 + b"\r\n", b"x" * 1000, b"X: 1\r\n" * 200])
def test_a_head_without_an_end_is_cut(connect: Callable[..., Connect], part: bytes) -> None:
    connection = connect(head_timeout_s=PATIENCE_S)()
    answer = b""
    connection.sendall(HEAD + b"Y: ")
    connection.settimeout(0.01)
    num_sent = 0
    while not answer and num_sent < 10**6:
        connection.sendall(part)
        num_sent += len(part)
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            continue
    assert_refused(answer, 431, "head-too-large")
    assert num_sent < 300_000


@pytest.mark.parametrize("headers", [b"X: 1\r\n" * 101, b"X: " + b"x" * 40_000 + b"\r\n"])
def test_a_head_that_comes_at_once_is_measured_too(
    connect: Callable[..., Connect], headers: bytes
) -> None:
    connection = connect()()
    connection.sendall(HEAD + headers + b"\r\n")
    assert_refused(read_all(connection), 431, "head-too-large")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GE\xff / HTTP/1.1\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_a_problem(connect: Callable[..., Connect], request_: bytes) -> None:
    open_one = connect()
    connection = open_one()
    connection.sendall(request_)
    assert_refused(read_all(connection), 400, "bad-request-head")
    assert alive(open_one)


def test_a_request_without_one_host_is_a_problem(connect: Callable[..., Connect]) -> None:
    open_one = connect()
    for head in (b"GET /models HTTP/1.1\r\n", HEAD + b"Host: localhost\r\n"):
        connection = open_one()
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert_refused(read_all(connection), 400, "bad-request-head")


def test_a_refused_body_that_was_not_sent_is_not_waited_for(
    connect: Callable[..., Connect],
) -> None:
    connection = connect(max_body_mb=0.001)()
    connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
    assert_refused(read_all(connection), 413, "too-large")


def test_a_body_is_asked_for_where_it_is_expected_to_be(connect: Callable[..., Connect]) -> None:
    connection = connect()()
    body = b'{"betas": [0]}'
    length = f"Content-Length: {len(body)}\r\n".encode()
    connection.sendall(POST + b"Expect: 100-continue\r\nConnection: close\r\n" + length + b"\r\n")
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_what_comes_behind_a_request_does_not_take_its_answer(
    connect: Callable[..., Connect],
) -> None:
    connection = connect()()
    connection.sendall(POST + b'Content-Length: 14\r\n\r\n{"betas": [0]}{"betas": [1]}')
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_client_that_does_not_read_is_left(connect: Callable[..., Connect]) -> None:
    open_one = connect()
    connection = open_one()
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"  # megabytes
    deadline = time.monotonic() + PATIENCE_S
    assert ends(connection, request, deadline), "the server still waits"
    assert alive(open_one)


def ends(connection: socket.socket, request: bytes, deadline: float) -> bool:
    """Ask and never read, until the server has enough of it."""
    connection.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            connection.send(request)
        except TimeoutError:
            continue  # every buffer on the way is full
        except ConnectionError:
            return True
    return False


def test_one_connection_too_many_closes_the_one_that_was_idle_for_longest(
    connect: Callable[..., Connect],
) -> None:
    open_one = connect(max_connections=3, head_timeout_s=PATIENCE_S)
    connections = [open_one() for _ in range(3)]
    for connection in (connections[1], connections[0], connections[2]):
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert alive(open_one)
    assert connections[1].recv(1) == b""
    connections[0].sendall(HEAD + b"\r\n")
    assert connections[0].recv(65536).startswith(b"HTTP/1.1 200")


def test_when_every_connection_is_busy_one_more_is_told_to_come_back(
    connect: Callable[..., Connect],
) -> None:
    open_one = connect(max_connections=2, body_timeout_s=PATIENCE_S)
    busy = [open_one() for _ in range(2)]
    for connection in busy:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 14\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
    answer = read_all(open_one())
    assert_refused(answer, 503, "too-many-requests-at-once")
    assert b"Retry-After: 1" in answer
    busy[0].sendall(b'{"betas": [0]}')
    assert busy[0].recv(65536).startswith(b"HTTP/1.1 200")
    assert alive(open_one)


def test_bodies_that_are_too_much_together_are_refused(connect: Callable[..., Connect]) -> None:
    open_one = connect(max_bodies_mb=0.001, body_timeout_s=PATIENCE_S)
    first, second = open_one(), open_one()
    first.sendall(POST + b"Content-Length: 800\r\n\r\n" + b" " * 700)
    time.sleep(0.2)
    second.sendall(POST + b"Connection: close\r\nContent-Length: 800\r\n\r\n" + b" " * 700)
    assert_refused(read_all(second), 503, "too-many-requests-at-once")
    first.sendall(b" " * 86 + b'{"betas": [0]}')
    assert first.recv(65536).startswith(b"HTTP/1.1 200")
    third = open_one()
    third.sendall(POST + b"Content-Length: 800\r\n\r\n" + b" " * 786 + b'{"betas": [0]}')
    assert third.recv(65536).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_counted_and_not_logged(
    connect: Callable[..., Connect], caplog: pytest.LogCaptureFixture
) -> None:
    open_one = connect()
    for _ in range(3):
        connection = open_one()
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert_refused(read_all(connection), 400, "bad-request-head")
    connection = open_one()
    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b'habitus_problems_total{reason="bad-request-head"} 3.0' in read_all(connection)
    assert [line for line in caplog.messages if "HTTP" in line] == []
