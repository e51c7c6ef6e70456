"""What the operator sees: a request id, one structured line a request, Prometheus metrics."""

import logging
import re
import sys
import time
import uuid
from collections.abc import Sequence

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = "X-Request-ID"
_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_log = structlog.wrap_logger(
    logging.getLogger(__name__),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.render_to_log_kwargs,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
)


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "habitus_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "habitus_request_duration_seconds",
            "From the first byte of the headers to the last of the answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.refused = Counter(
            "habitus_refused_items",
            "Items refused at the door or given up.",
            ["reason"],
            registry=self.registry,
        )
        self.admitted = Gauge(
            "habitus_admitted_items", "Items queued and running.", registry=self.registry
        )
        self.queue_depth = Gauge(
            "habitus_queue_depth", "Items that wait for a device.", registry=self.registry
        )
        self.cancelled = Counter(
            "habitus_cancelled_items",
            "Items whose client went away before the result.",
            registry=self.registry,
        )
        self.queue_seconds = Histogram(
            "habitus_queue_wait_seconds",
            "How long an item waited for the device.",
            ["predictor"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "habitus_batch_duration_seconds",
            "How long the device was busy with a batch.",
            ["predictor"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "habitus_batch_size",
            "Items in a batch.",
            ["predictor"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.loaded = Gauge(
            "habitus_capability_loaded",
            "1 where a capability's checkpoint is loaded.",
            ["capability"],
            registry=self.registry,
        )

    def observe_batch(self, predictor: str, waits_s: Sequence[float], duration_s: float) -> None:
        """Count a batch that the device has finished."""
        self.batch_size.labels(predictor).observe(len(waits_s))
        self.batch_seconds.labels(predictor).observe(duration_s)
        for wait_s in waits_s:
            self.queue_seconds.labels(predictor).observe(wait_s)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class RequestTelemetry:
    """ASGI middleware: names each request, logs one line about it and counts it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get(REQUEST_ID_HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500  # what the client is told when an exception passes through here

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_named)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, duration_s: float) -> None:
        # Labels come from closed sets: the route's template and the known methods.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.request_seconds.labels(method, route).observe(duration_s)
        _log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            duration_ms=round(duration_s * 1000, 2),
        )


def request_id_of(offered: str | None) -> str:
    """The client's own id if it is well-formed, so that no header can forge a log line."""
    if offered is not None and _WELL_FORMED_ID.fullmatch(offered):
        return offered
    return uuid.uuid4().hex


def configure_logging(log_format: str) -> None:
    """Send every log line of the process, uvicorn's too, to stderr in one format.

    Args:
        log_format: `text` for people, `json` for machines.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    last: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
