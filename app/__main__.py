"""Run the service: python -m app."""

import argparse
import contextlib
import errno
import logging
import socket
import sys
from textwrap import fill

import uvicorn
from pydantic import ValidationError

from app.main import create_app
from app.predictors import Predictors
from app.settings import PREFIX, ConfigurationError, Settings
from app.telemetry import configure_logging
from model.errors import HabitusError

DRAIN_MARGIN_S = 2
"""Beyond the deadline of the items, for their answers to be sent."""


class Server(uvicorn.Server):
    """Says where it listens and what to try, once it does."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self.greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer."""
        await super().startup(sockets)
        if self.started:
            print(self.greeting, flush=True)  # noqa: T201  (the command's own output)


def main(arguments: list[str]) -> int:
    """Serve until a signal comes; 1 for what can be put right by the operator."""
    build_parser().parse_args(arguments)
    try:
        settings = Settings()
        configure_logging(settings.log_format)
        listener = listen(settings.host, settings.port)
        predictors = Predictors.load(settings)
    except ValidationError as error:
        for entry in error.errors():
            name = "".join(f"{PREFIX}{part}: ".upper() for part in entry["loc"][:1])
            message = entry["msg"].removeprefix("Value error, ")
            print(f"error: {name}{message}", file=sys.stderr)  # noqa: T201
        return 1
    except (ConfigurationError, HabitusError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    config = uvicorn.Config(
        create_app(settings, load=lambda _: predictors),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.timeout_s) + DRAIN_MARGIN_S,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with listener, contextlib.suppress(KeyboardInterrupt):
        Server(config, greeting(listener)).run(sockets=[listener])
    return 0


def build_parser() -> argparse.ArgumentParser:
    """No options; the help lists the environment variables."""
    variables = [
        fill(
            f"{PREFIX}{name.upper()} ({_shown(field.default)})  {field.description}",
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


def listen(host: str, port: int) -> socket.socket:
    """A socket that already listens, so that a taken port is known before anything is loaded.

    Raises:
        ConfigurationError: The port or the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} of {host} is taken; choose another, e.g. {PREFIX}PORT={port + 1}"
            ) from error
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error}") from error


def greeting(listener: socket.socket) -> str:
    """The address, and a line to try."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
    return (
        f"Habitus listens on {url} (documentation: {url}/docs). Try:\n"
        f"  curl -F image=@photo.jpg {url}/confidence -o map.png"
    )


def _shown(default: object) -> str:
    return "none" if default == () else str(default)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
