"""Run the service: python -m app."""

import os

# OpenMP's threads otherwise spin while they wait for each other. On a machine with anything else to
# do, what they wait for is then not computed: measured on two busy cores, 5.9 s a picture, not 0.3.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import errno
import logging
import math
import socket
import sys
from collections.abc import Callable
from textwrap import fill

import torch
from pydantic import ValidationError

from app.connections import GuardedConfig
from app.heaps import limit_heaps, trimmed_heaps
from app.logs import configure_logging, give_up_unwritten
from app.main import create_app
from app.predictors import Predictors
from app.server import DRAIN_MARGIN_S, EXIT_FAULT, Server, greeting
from app.settings import PREFIX, ConfigurationError, Settings
from model.errors import HabitusError


def main(arguments: list[str], load: Callable[[Settings], Predictors] = Predictors.load) -> int:
    """Serve until a signal comes.

    Args:
        arguments: Of the command.
        load: Makes the predictors.

    Returns:
        The exit code: 1 for what can be put right by the operator, `EXIT_FAULT` for a lost device.
    """
    build_parser().parse_args(arguments)
    limit_heaps()
    try:
        settings = Settings()
        configure_logging(settings.log_format)
        listener = listen(settings.host, settings.port)
        torch.set_num_threads(settings.cpu_threads)
        predictors = load(settings)
    except ValidationError as error:
        for entry in error.errors():
            name = "".join(f"{PREFIX}{part}: ".upper() for part in entry["loc"][:1])
            message = entry["msg"].removeprefix("Value error, ")
            print(f"error: {name}{message}", file=sys.stderr)  # noqa: T201
        return 1
    except (ConfigurationError, HabitusError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    app = create_app(settings, load=lambda _: predictors)
    config = GuardedConfig(
        app, timeout_graceful_shutdown=math.ceil(settings.timeout_s) + DRAIN_MARGIN_S
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = Server(config, app, greeting(listener), settings.drain_s)
    with listener, trimmed_heaps():
        server.run(sockets=[listener])
    return server.exit_code


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


def _shown(default: object) -> str:
    return "none" if default in ((), None) else str(default)


if __name__ == "__main__":
    try:
        exit_code = main(sys.argv[1:])
    finally:
        give_up_unwritten()
    if exit_code == EXIT_FAULT:
        logging.shutdown()  # lines that wait for others
        os._exit(exit_code)  # without the interpreter's own end: a lost device can hang it
    sys.exit(exit_code)
