"""The process around the app: how uvicorn serves it, what it says when ready, how it ends."""

import contextlib
import gc
import logging
import math
import os
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.engine.engine import Engine
from app.listener import BACKLOG
from app.settings import Settings
from app.telemetry.logging import FieldsFormatter

MAX_INCOMPLETE_BYTES = 65_536
"""Of a request head, or of the trailers behind a body, that has not come to its end."""
DRAIN_MARGIN_S = 2
"""Beyond the deadline of the requests, for their answers to be sent."""
EXIT_FAULT = 70
"""A device is lost: the supervisor should start a new process. EX_SOFTWARE of sysexits.h."""


def serving_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves an app of `create_app`.

    Its parser h11 bounds heads and trailers, and takes a request to upgrade to HTTP/2 for a plain
    one.
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
        # At lower levels it writes a line for everything that is not HTTP.
        log_level="error",
        access_log=False,
        server_header=False,
    )


class Server(uvicorn.Server):
    """Greets when it is ready, drains on the first signal, stops at once on the second."""

    def __init__(self, app: FastAPI, greeting: Callable[[], str]) -> None:
        """Nothing runs yet.

        Args:
            app: Its lifespan makes the engine.
            greeting: Makes what is printed when requests should come.
        """
        super().__init__(serving_config(app))
        self._app = app
        self._greeting: Callable[[], str] | None = greeting
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

    @property
    def is_greeted(self) -> bool:
        """Whether it has been ready."""
        return self._greeting is None

    async def on_tick(self, counter: int) -> bool:
        """See to what has changed, ten times a second; True: stop serving."""
        engine = self._engine
        if engine.fault is not None:
            # Everybody who waited has been told; what is left are slow clients.
            self.config.timeout_graceful_shutdown = DRAIN_MARGIN_S
            self.should_exit = True
        elif self._stop_at is not None:
            engine.drain()
            self.should_exit = self.should_exit or time.monotonic() >= self._stop_at
        elif self._greeting is not None and engine.unready is None:
            # What is here by now stays: a collector that goes through all of PyTorch's objects
            # again and again holds up everybody, for a tenth of a second each time.
            gc.collect()
            gc.freeze()
            with contextlib.suppress(OSError):  # where its disk is full, requests come all the same
                print(self._greeting(), flush=True)  # noqa: T201  (the command's own output)
            self._greeting = None
        return await super().on_tick(counter)

    @property
    def _engine(self) -> Engine:
        engine: Engine = self._app.state.service.engine
        return engine


def greeting(url: str, log_format: str) -> str:
    """The address and a line to try; as one line of JSON where the log is JSON."""
    if log_format == "json":
        said = {"name": __name__, "levelname": "INFO", "msg": "listening"}
        addresses = {"url": url, "documentation": f"{url}/docs"}
        return FieldsFormatter("json").format(logging.makeLogRecord({**said, **addresses}))
    return (
        f"Habitus listens on {url} (documentation: {url}/docs). Try:\n"
        f"  curl -F image=@photo.jpg {url}/confidence -o map.png"
    )
