"""What a connection may do to the server: guards of uvicorn's own protocol, which has none.

uvicorn waits without end for a request head, for the rest of a body that was answered early, and
for a client to take its answer, and it keeps as much of a head as is sent.
"""

import asyncio
import http
import logging
import time
import uuid
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.answers import AnswerTransport
from app.errors import MEDIA_TYPE, document
from app.metrics import Metrics
from app.peers import watch_peer
from app.problem_kinds import BAD_HEAD, CROWDED, HEAD_TOO_LARGE, TOO_SLOW, Kind
from app.security_headers import HEADERS
from app.settings import Settings
from app.telemetry import REQUEST_ID_HEADER

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
LINGER_S = 0.5
"""How long what a refused client still sends is read, so that it can read why it was refused."""
_GRACE_S = 0.05
_log = logging.getLogger("uvicorn.error.connections")
# What is no HTTP is counted and answered; a line for each would let clients fill the disk.
_log.setLevel(logging.ERROR)


class GuardedConfig(uvicorn.Config):
    """How uvicorn serves the app: over guarded connections, and without logs of its own."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        self.settings: Settings = app.state.settings
        self.metrics: Metrics = app.state.metrics
        super().__init__(
            app,
            http=GuardedConnection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=self.settings.keep_alive_s,
            **options,
        )


class GuardedConnection(HttpToolsProtocol):
    """One connection, with an end to everything that it waits for."""

    config: GuardedConfig

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _log
        self._settings = config.settings
        self._metrics = config.metrics
        self._in_head = False
        self._num_head_bytes = 0
        self._refused = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        # uvloop's own time stands still for a turn of the loop, and is in whole milliseconds.
        self._idle_since = time.monotonic()
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._metrics.connections.inc()
        watch_peer(transport.get_extra_info("socket"))
        self._await_head()
        if len(self.connections) > self._settings.max_connections:
            others = [c for c in self.connections if isinstance(c, GuardedConnection)]
            self._make_room([other for other in others if other is not self and other.is_open])

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._metrics.connections.dec()
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        if self._running is not None:
            # uvicorn tells the newest request only, and that may wait behind this one.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    @property
    def is_open(self) -> bool:
        """Whether more requests may come."""
        return not self._refused and not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def data_received(self, data: bytes) -> None:
        """Read what has come, and start the clock if it is not a whole head."""
        if self._refused:
            return
        super().data_received(data)
        if not self.is_open:
            return
        if self._in_head:
            self._num_head_bytes += len(data)
            if self._num_head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()
                return
        if self._in_head or self.is_idle:
            self._await_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._num_head_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is whole: the request starts, unless the head is too large."""
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse_head()
        else:
            super().on_headers_complete()
            answer = AnswerTransport(self.cycle, self.transport, self.linger)
            self.cycle.transport = answer  # type: ignore[assignment]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def linger(self) -> None:
        """Send no more, and read away what the client still sends of a body for a while.

        Closing at once would reset the connection under a client that still sends, and take the
        answer from it.
        """
        self._refused = True
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def on_body(self, body: bytes) -> None:
        """A part of a body; of a refused request there is nobody to read it."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A body is whole."""
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written; the client has some time to take it."""
        super().on_response_complete()
        self._idle_since = time.monotonic()
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self._settings.send_timeout_s, self._send_due)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(BAD_HEAD, f"the request cannot be read: {msg}")

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._settings.head_timeout_s, self._head_due)

    def _head_due(self) -> None:
        # Where the loop was held up, what has come meanwhile is read first.
        self._head_timer = self.loop.call_later(_GRACE_S, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if not self.is_idle:
            self._await_head()  # of a request behind the one that is being answered
            return
        self._metrics.closed_connections.labels("head_timeout").inc()
        if self._in_head:
            wait_s = self._settings.head_timeout_s
            self._refuse(TOO_SLOW, f"the request head did not arrive within {wait_s:g} s")
        else:
            self.transport.close()

    def _send_due(self) -> None:
        # One timer for many answers: it may have been set at an earlier one.
        self._send_timer = None
        left_s = self._idle_since + self._settings.send_timeout_s - time.monotonic()
        if self.transport.get_write_buffer_size() > 0 and left_s > 0:
            self._send_timer = self.loop.call_later(left_s, self._send_due)
        elif self.transport.get_write_buffer_size() > 0:
            self._metrics.closed_connections.labels("send_timeout").inc()
            self.transport.abort()

    def _make_room(self, others: "list[GuardedConnection]") -> None:
        """Close the connection that has been idle for longest if this is one too many."""
        if len(others) < self._settings.max_connections:
            return
        idle = [other for other in others if other.is_idle]
        if idle:
            self._metrics.closed_connections.labels("idle").inc()
            min(idle, key=lambda other: other._idle_since).transport.close()
        else:
            self._metrics.closed_connections.labels("crowded").inc()
            self._refuse(CROWDED, f"{len(others)} connections are busy; ask again shortly")

    def _refuse_head(self) -> None:
        self._refuse(
            HEAD_TOO_LARGE,
            f"the request head is larger than {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers",
        )

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer without the app, and close."""
        self._refused = True
        self._metrics.problems.labels(kind.name).inc()
        if not self.is_idle:
            if self.pipeline or self.cycle.response_started or not self.cycle.more_body:
                # It came behind a request that gets its answer first; then this is the end.
                self.cycle.keep_alive = False
                return
            # It was a part of the body that the app still reads: to the app, the client is gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        request_id = uuid.uuid4().hex
        body = document(kind, detail, request_id)
        headers = {
            **HEADERS,
            **dict(kind.headers),
            REQUEST_ID_HEADER: request_id,
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {kind.status} {http.HTTPStatus(kind.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        self.linger()
