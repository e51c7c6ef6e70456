"""What the operator sees of a request: its id, one structured line, metrics, and its stages."""

import asyncio
import logging
import random
import re
import time
from collections.abc import Mapping

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.paths import is_operational
from app.telemetry.logging import log_fields
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import StageTimes, recorded_stages

REQUEST_ID_HEADER = "X-Request-ID"
SERVER_TIMING_HEADER = "Server-Timing"
PROBLEM_STATE = "problem"
"""Where a request's state holds the name of the problem that it was answered with."""
CLIENT_GONE = 499
"""What nginx writes for a client that went away before its answer; nobody is sent it."""
_ID_KEY, _TRACE_KEY, _TIMING_KEY = b"x-request-id", b"traceparent", b"server-timing"
_OURS = {_ID_KEY, _TIMING_KEY}
_WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-.*")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_log = logging.getLogger(__name__)


class RequestTelemetry:
    """ASGI middleware: names each request, logs one line about it, counts and times it.

    Health checks and scrapes come every few seconds: a line is written of those that fail only.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = traceparent = None
        for name, value in scope["headers"]:
            if name == _ID_KEY:
                offered = value
            elif name == _TRACE_KEY:
                traceparent = value
        names = {"request_id": request_id_of(offered)}
        if trace_id := trace_id_of(traceparent):
            names["trace_id"] = trace_id
        state = scope.setdefault("state", {})
        state["request_id"] = names["request_id"]
        self.metrics.num_in_progress += 1
        token = log_fields.set(names)
        with recorded_stages() as stages:
            exchange = _Exchange(receive, send, names, stages)
            try:
                await self.app(scope, exchange.receive, exchange.send)
            finally:
                exchange.ended = time.perf_counter()
                self.metrics.num_in_progress -= 1
                # In the next turn of the loop, before which the answer is sent.
                asyncio.get_running_loop().call_soon(self._record, scope, exchange)
                log_fields.reset(token)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        # Labels come from closed sets: the route's template and the known methods. The path and
        # the query are the client's own words, and stay out of the log.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        problem = scope["state"].get(PROBLEM_STATE)
        duration_s = exchange.ended - exchange.started
        stages = exchange.stages
        self.metrics.observe_request(
            (method, route, exchange.status),
            duration_s,
            num_received=exchange.bytes_in,
            num_sent=exchange.bytes_out,
            stages=stages,
        )
        if problem is not None:
            self.metrics.problems.labels(problem).inc()
        if exchange.client_gone:
            self.metrics.cancelled_requests.labels(route).inc()
        is_expected = exchange.status < 400 and is_operational(scope)
        if is_expected or not _log.isEnabledFor(logging.INFO):
            return
        line: dict[str, object] = {
            **exchange.names,
            "method": method,
            "route": route,
            "status": exchange.status,
            "duration_ms": round(duration_s * 1000, 2),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
        }
        for stage, seconds in stages.seconds.items():
            line[f"{stage}_ms"] = round(seconds * 1000, 2)
        if stages.batch_size is not None:
            line["batch_size"] = stages.batch_size
        if problem is not None:
            line["problem"] = problem
        _log.info("request", extra=line)


class _Exchange:
    """The messages of one request and its answer, counted as they pass."""

    def __init__(
        self, receive: Receive, send: Send, names: Mapping[str, str], stages: StageTimes
    ) -> None:
        self._receive = receive
        self._send = send
        self._answer_begun = self._answer_sent = False
        self._status = 500  # what the client is told when an exception passes through
        self.names = names
        self.stages = stages
        self.started = self.ended = time.perf_counter()
        self.bytes_in = self.bytes_out = 0
        self.client_gone = False

    @property
    def status(self) -> int:
        """Of the answer; `CLIENT_GONE` where nobody was there to get one."""
        return CLIENT_GONE if self.client_gone and not self._answer_begun else self._status

    async def receive(self) -> Message:
        """Pass on what the client sends."""
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        if message["type"] == "http.disconnect" and not self._answer_sent:
            self.client_gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the client is sent, with the request's id and its stages."""
        if message["type"] == "http.response.start":
            self._answer_begun = True
            self._status = message["status"]
            headers = message["headers"] = [
                header for header in message.get("headers", ()) if header[0] not in _OURS
            ]
            headers.append((_ID_KEY, self.names["request_id"].encode()))
            headers.append((_TIMING_KEY, self._server_timing().encode()))
            self._describe_span()
        else:
            self.bytes_out += len(message.get("body", b""))
            self._answer_sent = not message.get("more_body", False)
        await self._send(message)

    def _server_timing(self) -> str:
        """In milliseconds. Source: W3C Server Timing."""
        times = [*self.stages.seconds.items(), ("total", time.perf_counter() - self.started)]
        return ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in times)

    def _describe_span(self) -> None:
        """Let OpenTelemetry's span of the request, if there is one, hold what the log holds."""
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("habitus.request_id", self.names["request_id"])
            for stage, seconds in self.stages.seconds.items():
                span.set_attribute(f"habitus.{stage}.duration", seconds)
            if self.stages.batch_size is not None:
                span.set_attribute("habitus.batch_size", self.stages.batch_size)


def request_id_of(offered: bytes | None) -> str:
    """The client's own id if it is well-formed, so that no header can forge a log line."""
    if offered is not None and _WELL_FORMED_ID.fullmatch(offered):
        return offered.decode("ascii")
    # It names, and keeps no secret: the system's own random numbers would be a call for each.
    return f"{random.getrandbits(128):032x}"


def trace_id_of(traceparent: bytes | None) -> str | None:
    """The id of the trace that a request belongs to. Source: W3C Trace Context, section 3.2."""
    if traceparent is None or len(traceparent) > 128:
        return None
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[1].decode("ascii") if found else None
