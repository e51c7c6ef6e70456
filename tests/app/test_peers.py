import socket
import sys
from pathlib import Path

import httpx
import pytest

from app.peers import watch_peer

KEEP_ALIVE_TIMER = 2
"""In /proc/net/tcp: the system will ask the peer for a sign."""


def timer(local_port: int, peer_port: int) -> tuple[int, float]:
    """Which timer a connection has, and the seconds that it has left (Linux)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, peer, _, _, timing, *_ = line.split()
        ports = [int(address.rpartition(":")[2], 16) for address in (local, peer)]
        if ports == [local_port, peer_port]:
            kind, _, ticks = timing.partition(":")
            return int(kind, 16), int(ticks, 16) / 100
    raise LookupError(f"no connection from port {local_port} to {peer_port}")


@pytest.mark.skipif(sys.platform != "linux", reason="the system's table is Linux's")
def test_the_system_asks_a_silent_client_whether_it_is_still_there(client: httpx.Client) -> None:
    port = client.base_url.port
    assert port
    with socket.create_connection((client.base_url.host, port), timeout=30) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        kind, seconds = timer(port, connection.getsockname()[1])
    assert kind == KEEP_ALIVE_TIMER
    assert 0 < seconds <= 60


def test_a_client_that_is_gone_already_is_no_error() -> None:
    connection = socket.socket()
    connection.close()
    watch_peer(connection)
