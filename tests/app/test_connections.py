"""Raw sockets against a real server: what a client sends, and how slowly."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from app.capabilities import Predictors
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
            brief = {"body_timeout_s": 1, "send_timeout_s": 1}
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


UPGRADE = (
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
)
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def framed(body: bytes, is_chunked: bool) -> tuple[bytes, bytes]:
    """The end of a head, and the body behind it."""
    if is_chunked:
        return b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return b"Content-Length: %d\r\n\r\n" % len(body), body


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize(("body", "status"), [(b'{"betas": [0]}', 200), (SMUGGLED, 400)])
def test_a_request_that_offers_http_2_is_answered_once_with_its_body(
    connect: Callable[..., Connect], body: bytes, status: int, is_split: bool, is_chunked: bool
) -> None:
    connection = connect()()
    end, sent = framed(body, is_chunked)
    connection.sendall(POST + UPGRADE + end + (b"" if is_split else sent))
    if is_split:
        time.sleep(0.2)
        connection.sendall(sent)
    # A second request on the same connection shows that nothing of the body is left over.
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    answers = read_all(connection)
    statuses = [int(line[9:12]) for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    statuses += [int(part[:3]) for part in answers.split(b"}HTTP/1.1 ")[1:]]
    assert statuses == [status, 200]
    assert b"smuggled" not in answers


def test_trailers_without_an_end_are_cut_off_and_not_kept(connect: Callable[..., Connect]) -> None:
    connection = connect()()
    connection.sendall(
        POST + b"Transfer-Encoding: chunked\r\n\r\ne\r\n" + b'{"betas": [0]}\r\n0\r\n'
    )
    line = b"X: " + b"x" * 1000 + b"\r\n"
    num_sent = 0
    with contextlib.suppress(ConnectionError):
        while num_sent < 50_000_000:
            connection.sendall(line * 100)
            num_sent += 100 * len(line)
    # What the server's system and this one hold of what nobody reads.
    assert num_sent < 20_000_000


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
        time.sleep(1.1)
    assert read_all(connection) == b""


@pytest.mark.parametrize("part", [b"X: " + b"x" * 1000 + b"\r\n", b"x" * 1000, b"X: 1\r\n" * 200])
def test_a_head_without_an_end_is_cut_off(connect: Callable[..., Connect], part: bytes) -> None:
    open_one = connect()
    connection = open_one()
    connection.sendall(HEAD + b"Y: ")
    connection.settimeout(0.01)
    answer, num_sent = b"", 0
    while not answer and num_sent < 10**6:
        connection.sendall(part)
        num_sent += len(part)
        with contextlib.suppress(TimeoutError):
            answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert num_sent < 300_000
    assert alive(open_one)


@pytest.mark.parametrize("headers", [b"X: 1\r\n" * 101, b"X: " + b"x" * 40_000 + b"\r\n"])
def test_a_head_that_is_too_large_is_a_problem(
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
def test_what_is_not_http_is_answered_400_and_closed(
    connect: Callable[..., Connect], request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    open_one = connect()
    connection = open_one()
    connection.sendall(request_)
    assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    assert alive(open_one)
    assert [line for line in caplog.messages if "HTTP" in line] == []


def test_a_request_has_one_host_unless_it_is_of_http_1_0_and_asks_for_health(
    connect: Callable[..., Connect],
) -> None:
    open_one = connect()
    for head, status in (
        (b"GET /models HTTP/1.1\r\n", 400),
        (HEAD + b"Host: localhost\r\n", 400),
        (b"GET /models HTTP/1.0\r\n", 400),
        (b"GET /health/live HTTP/1.0\r\n", 200),
        (b"GET /v2/health/ready HTTP/1.0\r\n", 200),
    ):
        connection = open_one()
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 %d " % status)


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
    connection = connect(keep_alive_s=1)()
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


def test_bodies_that_are_too_much_together_are_refused(connect: Callable[..., Connect]) -> None:
    open_one = connect(max_in_flight_mb=0.001, body_timeout_s=PATIENCE_S)
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
