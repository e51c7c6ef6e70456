"""The process around the app: what it says when it is ready, and how it ends."""

import contextlib
import gc
import os
import socket
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.engine import Engine

DRAIN_MARGIN_S = 2
"""Beyond the deadline of the requests, for their answers to be sent."""
EXIT_FAULT = 70
"""A device is lost: the supervisor should start a new process. EX_SOFTWARE of sysexits.h."""


class Server(uvicorn.Server):
    """Greets when it is ready, drains on the first signal, stops at once on the second."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, greeting: str, drain_s: float) -> None:
        """Nothing runs yet.

        Args:
            config: How to serve `app`.
            app: Its lifespan makes the engine.
            greeting: Printed when requests should come.
            drain_s: How long to go on accepting connections after a signal, while
                /health/ready already says that it is over.
        """
        super().__init__(config)
        self._app = app
        self._greeting: str | None = greeting
        self._drain_s = drain_s
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
                print(self._greeting, flush=True)  # noqa: T201  (the command's own output)
            self._greeting = None
        return await super().on_tick(counter)

    @property
    def _engine(self) -> Engine:
        engine: Engine = self._app.state.service.engine
        return engine


def greeting(listener: socket.socket) -> str:
    """The address, and a line to try."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
    return (
        f"Habitus listens on {url} (documentation: {url}/docs). Try:\n"
        f"  curl -F image=@photo.jpg {url}/confidence -o map.png"
    )
