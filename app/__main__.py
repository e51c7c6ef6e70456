"""Run the service: python -m app."""

import os

# OpenMP's threads otherwise spin while they wait, and take the cores from the threads that they
# wait for: on two busy cores a picture took 5.9 s instead of 0.3 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import contextlib
import errno
import gc
import logging
import math
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from textwrap import fill
from types import FrameType

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from app.capabilities import Predictors
from app.engine.devices import lower_priority
from app.engine.engine import Engine
from app.main import create_app
from app.settings import PREFIX, ConfigurationError, Settings, service_links
from app.telemetry.logging import FieldsFormatter, configure_logging
from model.errors import HabitusError

BACKLOG = 2048
"""Connections that the system keeps until they are accepted."""
KEEPALIVE_IDLE_S = 60
"""After this time the system probes an idle connection."""
MAX_INCOMPLETE_BYTES = 65_536
"""Of a request head, or of the trailers behind a body, that is not complete."""
DRAIN_MARGIN_S = 2
"""Beyond the deadline of the requests, for their answers to be sent."""
EXIT_FAULT = 70
"""A device is lost: the supervisor should start a new process. EX_SOFTWARE of sysexits.h."""
_log = logging.getLogger("app")


def main(arguments: list[str], load: Callable[[Settings], Predictors] = Predictors.load) -> int:
    """Serve until a signal comes; end the process here where a device is lost or the log is stuck.

    Returns:
        The exit code: 1 for what the operator can correct.
    """
    build_parser().parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        for entry in error.errors():
            name = "".join(f"{PREFIX}{part}: ".upper() for part in entry["loc"][:1])
            message = entry["msg"].removeprefix("Value error, ")
            print(f"error: {name}{message}", file=sys.stderr)  # noqa: T201
        return 1
    writer = configure_logging(settings.log_format)
    try:
        exit_code = serve(settings, load)
    except (ConfigurationError, HabitusError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        exit_code = 1
    finally:
        is_written = writer is None or writer.stop()
    if exit_code == EXIT_FAULT or not is_written:
        # The interpreter's own end would wait for the device, or for the stream.
        os._exit(exit_code)
    return exit_code


def build_parser() -> argparse.ArgumentParser:
    """No options; the help lists the environment variables."""
    variables = [
        fill(
            f"{PREFIX}{name.upper()} ({'none' if field.default in ((), None) else field.default})  "
            f"{field.description}",
            width=96,
            initial_indent="  ",
            subsequent_indent="      ",
        )
        for name, field in Settings.model_fields.items()
    ]
    return argparse.ArgumentParser(
        prog="python -m app",
        description="Run the Habitus service.",
        epilog="environment variables, with their defaults:\n" + "\n".join(variables),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def serve(settings: Settings, load: Callable[[Settings], Predictors]) -> int:
    """Serve until a signal comes; the exit code is returned.

    Raises:
        ConfigurationError: A setting cannot be honoured on this machine.
        HabitusError: A checkpoint is damaged.
    """
    if links := service_links(os.environ):
        _log.info("variables of Kubernetes services are ignored", extra={"names": links})
    with listen(settings.host, settings.port, settings.send_timeout_s) as listener:
        torch.set_num_threads(settings.cpu_threads)
        # The threads that compute networks are started here, and inherit this thread's priority.
        with ThreadPoolExecutor(1, initializer=lower_priority) as loader:
            predictors = loader.submit(load, settings).result()
        app = create_app(settings, load=lambda _: predictors)
        server = Server(app, partial(greeting, url_of(listener), settings.log_format))
        server.run(sockets=[listener])
    return server.exit_code


def listen(host: str, port: int, send_timeout_s: float) -> socket.socket:
    """Listen before anything is loaded, so that a taken port is known at once.

    Args:
        host: An address or a name; `::` stands for every address of IPv6 and IPv4.
        port: 0 for any free one.
        send_timeout_s: After this time without progress the system closes the connection of a
            client that does not receive what it is sent (Linux).

    Raises:
        ConfigurationError: The port or the address is not available.
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
    # Accepted connections inherit these options.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        timeout_ms = round(send_timeout_s * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where this machine reaches the server."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def greeting(url: str, log_format: str) -> str:
    """The address and a command to try; one line of JSON where the log is JSON."""
    if log_format == "json":
        record = {"name": _log.name, "levelname": "INFO", "msg": "listening"}
        addresses = {"url": url, "documentation": f"{url}/docs"}
        return FieldsFormatter("json").format(logging.makeLogRecord({**record, **addresses}))
    return (
        f"Habitus listens on {url} (documentation: {url}/docs). Try:\n"
        f"  curl -F image=@photo.jpg {url}/confidence -o map.png"
    )


def serving_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves an app of `create_app`.

    h11 limits heads and trailers, and treats a request to upgrade to HTTP/2 as a plain one.
    """
    settings: Settings = app.state.settings
    return uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=MAX_INCOMPLETE_BYTES,
        ws="none",
        root_path=settings.root_path,
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=math.ceil(settings.timeout_s) + DRAIN_MARGIN_S,
        log_config=None,
        log_level="error",  # below, it logs everything that is not HTTP
        access_log=False,
        server_header=False,
    )


class Server(uvicorn.Server):
    """Prints a greeting when ready, drains at the first signal, stops at the second."""

    def __init__(self, app: FastAPI, greeting: Callable[[], str]) -> None:
        super().__init__(serving_config(app))
        self._app = app
        self._greeting = greeting
        self.is_greeted = False
        """Whether it has been ready."""
        self._drain_s: float = app.state.settings.drain_s
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop when the drain is over; at a second signal, now."""
        if self._stop_at is not None:
            os._exit(128 + sig)
        self._stop_at = time.monotonic() + self._drain_s

    @property
    def exit_code(self) -> int:
        """0 unless a device was lost."""
        return EXIT_FAULT if self._engine.fault is not None else 0

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; True stops the server."""
        engine = self._engine
        if engine.fault is not None:
            # The engine has failed all waiting requests; only slow clients are left.
            self.config.timeout_graceful_shutdown = DRAIN_MARGIN_S
            self.should_exit = True
        elif self._stop_at is not None:
            engine.drain()
            self.should_exit = self.should_exit or time.monotonic() >= self._stop_at
        elif not self.is_greeted and engine.unready is None:
            # A collection that visits all of PyTorch's objects blocks for a tenth of a second.
            gc.collect()
            gc.freeze()
            with contextlib.suppress(OSError):  # a full disk does not stop the service
                print(self._greeting(), flush=True)  # noqa: T201  (the command's own output)
            self.is_greeted = True
        return await super().on_tick(counter)

    @property
    def _engine(self) -> Engine:
        engine: Engine = self._app.state.service.engine
        return engine


def discard_unwritable_output() -> None:
    """Keep the exit code where output cannot be flushed: Python would exit with 120."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    try:
        exit_code = main(sys.argv[1:])
    finally:
        discard_unwritable_output()
    sys.exit(exit_code)
