"""The app: settings and predictors in, an ASGI application out. Importing this starts nothing."""

import os
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware

from app.admission import AdmissionGate
from app.cors import CrossOrigin
from app.dependencies import Service
from app.engine import Engine
from app.errors import install_problem_handlers
from app.hosts import HostGate
from app.lifetime import RequestLifetime
from app.limits import API_KEY_HEADER, OPEN_PREFIXES, ApiKeyGate, BodyLimit
from app.metrics import Metrics
from app.openapi import complete_openapi
from app.predictors import Predictors
from app.rate import RateLimit
from app.routes import body, clothing, documentation, health, models, silhouette
from app.security_headers import SecurityHeaders
from app.settings import Settings
from app.telemetry import REQUEST_ID_HEADER, SERVER_TIMING_HEADER, RequestTelemetry

ROUTES = (silhouette, body, clothing, models, health, documentation)
DESCRIPTION = """
Give it a photo of a dressed person: it says where in the picture the body is, and which garment is
where. Give it betas: it makes the body. Lengths are in metres, angles in radians, confidences in
[0, 1] unless a name says otherwise.

`Accept` chooses among an endpoint's formats. Every error is a problem document (RFC 9457). Send an
`X-Request-ID` of letters, digits, dots, dashes and underscores to find a request in the log.
"""


def create_app(
    settings: Settings | None = None, load: Callable[[Settings], Predictors] = Predictors.load
) -> FastAPI:
    """Wire everything together.

    Args:
        settings: From the environment when left out.
        load: Called once, when the app starts.
    """
    settings = settings or Settings()
    metrics = Metrics()
    # Bodies are bounded, each and all together: none goes to a disk, which is slow and may be full.
    MultiPartParser.spool_max_size = settings.max_body_bytes

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        predictors = await run_in_threadpool(load, settings)
        metrics.describe(predictors.statuses())
        engine = Engine(
            metrics,
            predictors.devices(),
            max_batch=settings.max_batch,
            max_queue=settings.max_queue,
            max_wait_s=settings.max_wait_ms / 1000,
        )
        decoding = anyio.CapacityLimiter(os.cpu_count() or 1)
        app.state.service = Service(settings, predictors, engine, metrics, decoding)
        engine.start()
        try:
            yield
        finally:
            await run_in_threadpool(engine.close)

    app = FastAPI(
        title="Habitus",
        summary="The body under the clothes, and how far to trust it.",
        description=DESCRIPTION,
        version=version("habitus"),
        lifespan=lifespan,
        middleware=_middleware(settings, metrics),
        docs_url=None,
        redoc_url=None,
        # As they are: a router that is included is asked again for every request.
        routes=[route for module in ROUTES for route in module.router.routes],
        # Its records of errors would repeat what clients sent; a request's stages say more than
        # spans of its steps.
        telemetry={"logs": False, "operation_spans": False, "exclude": _is_operational},
    )
    app.state.settings, app.state.metrics = settings, metrics
    install_problem_handlers(app)
    complete_openapi(
        app, with_keys=bool(settings.key_ring()), with_rate=bool(settings.rate_per_minute)
    )
    return app


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """What a request passes before its route, the outermost first."""
    middleware = [
        Middleware(RequestTelemetry, metrics=metrics),
        Middleware(SecurityHeaders),
        Middleware(HostGate, names=settings.served_hosts),
    ]
    if settings.cors_origins:
        # Before the keys: a browser asks whether it may ask without one.
        middleware.append(
            Middleware(
                CrossOrigin,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "POST"),
                allow_headers=(
                    API_KEY_HEADER,
                    "Authorization",
                    "Content-Type",
                    "If-None-Match",
                    REQUEST_ID_HEADER,
                ),
                expose_headers=(
                    REQUEST_ID_HEADER,
                    SERVER_TIMING_HEADER,
                    "ETag",
                    "Retry-After",
                    body.IGNORED_HEADER,
                ),
            )
        )
    if keys := settings.key_ring():
        middleware.append(Middleware(ApiKeyGate, keys=keys))
    if settings.rate_per_minute:
        middleware.append(Middleware(RateLimit, per_minute=settings.rate_per_minute))
    middleware.append(
        Middleware(
            BodyLimit,
            max_bytes=settings.max_body_bytes,
            max_total_bytes=settings.max_bodies_bytes,
            timeout_s=settings.body_timeout_s,
        )
    )
    middleware.append(Middleware(RequestLifetime, timeout_s=settings.timeout_s))
    routes = [route for module in ROUTES for route in module.router.routes]
    middleware.append(Middleware(AdmissionGate, routes=routes, max_queue=settings.max_queue))
    return middleware


def _is_operational(scope: MutableMapping[str, Any]) -> bool:
    """Whether it is only a supervisor that asks: not worth a trace."""
    path: str = scope["path"]
    return path.startswith((*OPEN_PREFIXES, "/metrics"))
