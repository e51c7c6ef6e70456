"""The socket that the server listens on."""

import errno
import socket

from app.environment import PREFIX
from app.settings import ConfigurationError

BACKLOG = 2048
"""Connections that the system keeps until they are accepted."""
SILENT_S = 60
"""After this time the system asks an idle connection's client whether it is still there."""


def listen(host: str, port: int, send_timeout_s: float) -> socket.socket:
    """Listen before anything is loaded, so that a taken port is known at once.

    Args:
        host: An address or a name; `::` stands for every address of IPv6 and IPv4.
        port: 0 for any free one.
        send_timeout_s: When the system closes the connection of a client that takes nothing of
            what it is sent, or does not confirm it (Linux).

    Raises:
        ConfigurationError: The port or the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_dual = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_dual
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} of {host} is taken; choose another, e.g. {PREFIX}PORT={port + 1}"
            ) from error
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error}") from error
    # Its connections take these options over.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_S)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        timeout_ms = round(send_timeout_s * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where this machine reaches the server."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
