"""ASGI middleware: names each request, logs one line about it, counts and times it."""

import asyncio
import logging
import re
import time
import uuid
from typing import Any

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import PROBLEM_STATE
from app.middleware.paths import is_operational
from app.telemetry.logging import log_fields
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import StageTimes, recorded_stages

REQUEST_ID_HEADER = "X-Request-ID"
SERVER_TIMING_HEADER = "Server-Timing"
CLIENT_GONE = 499
"""Status in the log, as nginx writes it, of a client that disconnected before its answer."""
_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_log = logging.getLogger(__name__)


class RequestLog:
    """The outermost middleware. Of health checks and scrapes, only failures are logged."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record the outcome."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        names = {"request_id": request_id_of(headers.get("x-request-id"))}
        if trace_id := trace_id_of(headers.get("traceparent")):
            names["trace_id"] = trace_id
        scope.setdefault("state", {})["request_id"] = names["request_id"]
        token = log_fields.set(names)
        with self.metrics.in_progress.track_inprogress(), recorded_stages() as stages:
            exchange = _Exchange(receive, send, names, stages)
            try:
                await self.app(scope, exchange.receive, exchange.send)
            finally:
                exchange.ended = time.perf_counter()
                # In the next turn of the loop, before which the answer is sent.
                asyncio.get_running_loop().call_soon(self._record, scope, exchange)
                log_fields.reset(token)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        # Labels are from closed sets. Path and query may hold anything, and are not logged.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status, stages = exchange.status, exchange.stages
        duration_s = exchange.ended - exchange.started
        problem = scope["state"].get(PROBLEM_STATE)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.request_seconds.labels(method, route).observe(duration_s)
        self.metrics.received_bytes.labels(route).inc(exchange.bytes_in)
        self.metrics.sent_bytes.labels(route).inc(exchange.bytes_out)
        for stage, stage_s in stages.seconds.items():
            self.metrics.stage_seconds.labels(route, stage).observe(stage_s)
        if problem is not None:
            self.metrics.problems.labels(problem).inc()
        if exchange.client_gone:
            self.metrics.cancelled_requests.labels(route).inc()
        if status < 400 and is_operational(scope):
            return
        line: dict[str, Any] = {
            **exchange.names,
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(duration_s * 1000, 2),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
            **{f"{name}_ms": round(s * 1000, 2) for name, s in stages.seconds.items()},
            "batch_size": stages.batch_size,
            "problem": problem,
        }
        given = {name: value for name, value in line.items() if value is not None}
        _log.info("request", extra=given)


class _Exchange:
    """The messages of one request and its answer, counted as they pass."""

    def __init__(
        self, receive: Receive, send: Send, names: dict[str, str], stages: StageTimes
    ) -> None:
        self._receive = receive
        self._send = send
        self._answer_begun = self._answer_sent = False
        self._status = 500  # of an exception that passes through
        self.names = names
        self.stages = stages
        self.started = self.ended = time.perf_counter()
        self.bytes_in = self.bytes_out = 0
        self.client_gone = False

    @property
    def status(self) -> int:
        """Of the answer; `CLIENT_GONE` where the client disconnected before it."""
        return CLIENT_GONE if self.client_gone and not self._answer_begun else self._status

    async def receive(self) -> Message:
        """Pass on what the client sends."""
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        if message["type"] == "http.disconnect" and not self._answer_sent:
            self.client_gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on the answer, with the request's id and its stages."""
        if message["type"] == "http.response.start":
            self._answer_begun = True
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self.names["request_id"]
            headers[SERVER_TIMING_HEADER] = self._server_timing()
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
        """Add the log's fields to OpenTelemetry's span of the request, if there is one."""
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("habitus.request_id", self.names["request_id"])
            for stage, seconds in self.stages.seconds.items():
                span.set_attribute(f"habitus.{stage}.duration", seconds)
            if self.stages.batch_size is not None:
                span.set_attribute("habitus.batch_size", self.stages.batch_size)


def request_id_of(offered: str | None) -> str:
    """The client's own id if it is well-formed, so that no header can forge a log line."""
    if offered is not None and _WELL_FORMED_ID.fullmatch(offered):
        return offered
    return uuid.uuid4().hex


def trace_id_of(traceparent: str | None) -> str | None:
    """The id of the trace that a request belongs to. Source: W3C Trace Context, section 3.2."""
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent or ""})
    found = trace.get_current_span(context).get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else None
