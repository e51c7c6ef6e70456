import socket

import pytest

from app.__main__ import listen, url_of
from app.settings import ConfigurationError


def test_a_taken_port_is_named_with_the_next_one() -> None:
    with listen("127.0.0.1", 0, 1) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} .*HABITUS_PORT={port + 1}"):
            listen("127.0.0.1", port, 1)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_two_colons_stand_for_every_address_of_both_families() -> None:
    with listen("::", 0, 1) as listener:
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=10).close()
        assert url_of(listener) == f"http://[::1]:{port}"


def test_all_addresses_are_reached_by_one_of_them() -> None:
    with listen("0.0.0.0", 0, 1) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the options are Linux's")
def test_connections_to_clients_that_are_gone_or_take_nothing_end() -> None:
    with listen("127.0.0.1", 0, 1.5) as listener:
        client = socket.create_connection(listener.getsockname())
        served, _ = listener.accept()
        with client, served:
            assert served.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
