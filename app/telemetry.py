"""What the operator sees of a request: its id, one structured line, metrics, and its stages."""

import logging
import re
import time
import uuid

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.stages import StageTimes, recorded_stages

REQUEST_ID_HEADER = "X-Request-ID"
SERVER_TIMING_HEADER = "Server-Timing"
PROBLEM_STATE = "problem"
"""Where a request's state holds the name of the problem that it was answered with."""
CLIENT_GONE = 499
"""What nginx writes for a client that went away before its answer; nobody is sent it."""
_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-.*")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_log = structlog.wrap_logger(
    logging.getLogger(__name__),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.render_to_log_kwargs,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
)


class RequestTelemetry:
    """ASGI middleware: names each request, logs one line about it, counts and times it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get(REQUEST_ID_HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        bound = {"request_id": request_id}
        if trace_id := trace_id_of(headers.get("traceparent")):
            bound["trace_id"] = trace_id
        with (
            structlog.contextvars.bound_contextvars(**bound),
            recorded_stages() as stages,
            self.metrics.in_progress.track_inprogress(),
        ):
            exchange = _Exchange(receive, send, request_id, stages)
            try:
                await self.app(scope, exchange.receive, exchange.send)
            except Exception:
                # FastAPI answers it when it has passed through here.
                scope["state"][PROBLEM_STATE] = "internal"
                raise
            finally:
                self._record(scope, exchange)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        # Labels come from closed sets: the route's template and the known methods. The path and
        # the query are the client's own words, and stay out of the log.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        problem = scope["state"].get(PROBLEM_STATE)
        duration_s = time.perf_counter() - exchange.started
        metrics, stages = self.metrics, exchange.stages
        metrics.requests.labels(method, route, str(exchange.status)).inc()
        metrics.request_seconds.labels(method, route).observe(duration_s)
        metrics.received_bytes.labels(route).inc(exchange.bytes_in)
        metrics.sent_bytes.labels(route).inc(exchange.bytes_out)
        for stage, seconds in stages.seconds.items():
            metrics.stage_seconds.labels(route, stage).observe(seconds)
        if problem is not None:
            metrics.problems.labels(problem).inc()
        if exchange.client_gone:
            metrics.cancelled_requests.labels(route).inc()
        line: dict[str, object] = {
            "method": method,
            "route": route,
            "status": exchange.status,
            "duration_ms": round(duration_s * 1000, 2),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
            **{f"{stage}_ms": round(s * 1000, 2) for stage, s in stages.seconds.items()},
        }
        if stages.batch_size is not None:
            line["batch_size"] = stages.batch_size
        if problem is not None:
            line["problem"] = problem
        _log.info("request", **line)


class _Exchange:
    """The messages of one request and its answer, counted as they pass."""

    def __init__(self, receive: Receive, send: Send, request_id: str, stages: StageTimes) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._answer_begun = self._answer_sent = False
        self._status = 500  # what the client is told when an exception passes through
        self.stages = stages
        self.started = time.perf_counter()
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
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
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
        """Let OpenTelemetry's span of the request, if there is one, hold what the log holds."""
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("habitus.request_id", self._request_id)
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
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found and len(traceparent or "") <= 128 else None
