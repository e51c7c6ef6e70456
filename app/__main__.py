"""Run the service: python -m app."""

import os

# OpenMP's threads otherwise spin while they wait for each other. On a machine with anything else to
# do, what they wait for is then not computed: measured on two busy cores, 5.9 s a picture, not 0.3.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from textwrap import fill

import torch
from pydantic import ValidationError

from app.environment import PREFIX, service_links
from app.listener import listen, url_of
from app.logs import configure_logging
from app.main import create_app
from app.predictors import Predictors
from app.priority import give_way
from app.server import EXIT_FAULT, Server, greeting
from app.settings import ConfigurationError, Settings
from model.errors import HabitusError

_log = logging.getLogger("app")


def main(arguments: list[str], load: Callable[[Settings], Predictors] = Predictors.load) -> int:
    """Serve until a signal comes; end the process here where a device is lost or the log is stuck.

    Args:
        arguments: Of the command.
        load: Makes the predictors.

    Returns:
        The exit code: 1 for what can be put right by the operator.
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
        # Without the interpreter's own end: it waits for a lost device, and for a stream that takes
        # nothing.
        os._exit(exit_code)
    return exit_code


def serve(settings: Settings, load: Callable[[Settings], Predictors]) -> int:
    """Serve until a signal comes.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: A setting cannot be honoured on this machine.
        HabitusError: A checkpoint is damaged.
    """
    if links := service_links(os.environ):
        _log.info("variables of Kubernetes services are ignored", extra={"names": links})
    with listen(settings.host, settings.port, settings.send_timeout_s) as listener:
        torch.set_num_threads(settings.cpu_threads)
        # The threads that compute networks are started here, and inherit this thread's priority.
        with ThreadPoolExecutor(1, initializer=give_way) as loader:
            predictors = loader.submit(load, settings).result()
        app = create_app(settings, load=lambda _: predictors)
        server = Server(app, partial(greeting, url_of(listener), settings.log_format))
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


def _shown(default: object) -> str:
    return "none" if default in ((), None) else str(default)


def give_up_unwritten() -> None:
    """Let the process end with its own exit code where what it has printed cannot be written.

    Python flushes the standard streams at its end, and exits with 120 where that fails.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    try:
        exit_code = main(sys.argv[1:])
    finally:
        give_up_unwritten()
    sys.exit(exit_code)
