"""nginx as deploy/proxy/nginx.conf sets it up: what slow clients and many of them can do to it."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from app.settings import Settings

LARGE = 30_000_000
"""Bytes of an answer: more than the system's buffers between two sockets hold."""
SECONDS = {"client_header_timeout": 1, "client_body_timeout": 1, "send_timeout": 3}
"""The timeouts while it is tested."""


class Upstream(ThreadingHTTPServer):
    """Stands for the service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.heads: list[dict[str, str]] = []
        self.answered = threading.Event()
        """Set when a whole large answer has been taken."""
        self.release = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients that leave are what is tested."""


class Answer(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/slow":
            self.server.release.wait(20)
        size = LARGE if self.path == "/large" else 2
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))
        if self.path == "/large":
            self.server.answered.set()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def configuration(repo_root: Path) -> str:
    return (repo_root / "deploy" / "proxy" / "nginx.conf").read_text()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def address(configuration: str, upstream: Upstream, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Of nginx, in front of `upstream`."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    text = configuration
    for found, put in {
        r"habitus-api:8000": f"127.0.0.1:{upstream.server_port}",
        r"listen 8080;": f"listen 127.0.0.1:{port};",
        r"resolver \S+": "resolver 127.0.0.1",
        r"/tmp/": f"{tmp_path}/",
        r"/dev/std\w+": f"{tmp_path}/log",
        **{rf"{name} \d+s": f"{name} {seconds}s" for name, seconds in SECONDS.items()},
    }.items():
        text, num = re.subn(found, put, text)
        assert num, found
    (tmp_path / "nginx.conf").write_text(text)
    # Started by root its workers would be another user's, to whom pytest's folder is closed.
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    command: list[str | Path] = [
        nginx,
        "-e",
        tmp_path / "log",
        "-c",
        tmp_path / "nginx.conf",
        *user,
    ]
    with subprocess.Popen(command) as process:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.05)
            yield "127.0.0.1", port
        finally:
            process.terminate()


def seconds_until_closed(connection: socket.socket, piece: bytes) -> float:
    """While a piece is sent ten times a second."""
    start = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - start < 20:
        try:
            if piece:
                connection.sendall(piece)
            if not connection.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - start


def test_a_request_passes_with_the_address_it_came_from(
    address: tuple[str, int], upstream: Upstream
) -> None:
    url = f"http://{address[0]}:{address[1]}"
    forged = {"X-Forwarded-For": "8.8.8.8", "Upgrade": "h2c", "Connection": "Upgrade"}
    assert httpx.get(f"{url}/models", headers=forged).status_code == 200
    [head] = upstream.heads
    assert head["x-forwarded-for"] == "127.0.0.1"
    assert "upgrade" not in head
    refused = httpx.get(f"{url}/metrics")
    assert refused.status_code == refused.json()["status"] == 404
    assert refused.headers["content-type"] == "application/problem+json"
    assert len(upstream.heads) == 1


@pytest.mark.parametrize("size", [20_000_000, 20_000_001])
@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_a_body_passes_up_to_the_size_that_the_service_takes_and_a_refusal_is_read(
    address: tuple[str, int], size: int, more: str
) -> None:
    with socket.create_connection(address) as connection:
        head = f"GET /models HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {size}\r\n\r\n"
        connection.sendall(head.encode() + bytes(size))
        status = int(connection.recv(65536).split()[1])
    assert status == (200 if size == Settings().max_body_bytes else 413)


def test_a_head_that_drips_is_cut_off(address: tuple[str, int], upstream: Upstream) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert 0.5 < seconds_until_closed(connection, b"a: b\r\n") < 5
    assert not upstream.heads


def test_a_body_that_stops_never_reaches_the_service(
    address: tuple[str, int], upstream: Upstream
) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /models HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        assert 0.5 < seconds_until_closed(connection, b"") < 5
    assert not upstream.heads


def test_a_reader_that_stops_holds_no_answer_of_the_service_and_is_cut_off(
    address: tuple[str, int], upstream: Upstream
) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert upstream.answered.wait(10)
        time.sleep(SECONDS["send_timeout"] + 1)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(1_000_000):
                received += len(data)
        assert received < LARGE


def test_one_address_has_32_requests_at_a_time(
    address: tuple[str, int], upstream: Upstream
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline = time.monotonic() + 10
        while len(upstream.heads) < 32 and time.monotonic() < deadline:
            time.sleep(0.02)
        refused = httpx.get(f"http://{address[0]}:{address[1]}/models")
        assert refused.status_code == 503
        assert "32 requests" in refused.json()["detail"]


def test_the_numbers_are_those_of_the_service(configuration: str, repo_root: Path) -> None:
    settings = Settings()
    [size] = re.findall(r"client_max_body_size (\d+);", configuration)
    assert int(size) == settings.max_body_bytes
    [read] = re.findall(r"proxy_read_timeout (\d+)s;", configuration)
    assert int(read) > settings.timeout_s
    services = yaml.safe_load((repo_root / "docker-compose.yml").read_text())["services"]
    proxy, service = services["proxy"], services["habitus"]
    [listen] = re.findall(r"^\s+listen (\d+);", configuration, re.MULTILINE)
    assert proxy["ports"] == [f"127.0.0.1:8080:{listen}"]
    [upstream] = re.findall(r"http://([\w-]+):8000;", configuration)
    assert upstream in service["networks"]["default"]["aliases"]
    assert proxy["profiles"] == ["proxy"]
