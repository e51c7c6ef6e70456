"""The app: settings and predictors in, an ASGI application out. Importing this starts nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.admission import AdmissionGate
from app.connection_limits import HeadCheck, LingeringClose, SendTimeout
from app.dependencies import Service
from app.engine import Engine
from app.errors import install_problem_handlers
from app.hosts import TrustedHosts
from app.internal_errors import InternalErrors
from app.lifetime import RequestLifetime
from app.limits import API_KEY_HEADER, ApiKeyGate, BodyLimit
from app.metrics import Metrics
from app.openapi import complete_openapi
from app.paths import is_operational
from app.predictors import Predictors
from app.rate import RateLimit
from app.routes import body, clothing, documentation, health, models, problems, silhouette
from app.security_headers import SecurityHeaders
from app.sending import MemoryGate
from app.settings import BYTES_PER_MB, Settings
from app.telemetry import REQUEST_ID_HEADER, SERVER_TIMING_HEADER, RequestTelemetry
from app.uploads import make_bomb_warnings_errors
from model.processors import count_processors

ROUTES = (silhouette, body, clothing, models, health, documentation, problems)
DESCRIPTION = """
Give it a photo of a dressed person: it says where in the picture the body is, and which garment is
where. Give it betas: it makes the body. Lengths are in metres, angles in radians, confidences in
[0, 1] unless a name says otherwise.

Send a picture as the file part `image` of a form, as base64 in JSON, or as the body itself.
`Accept`, or `?format=`, chooses among an endpoint's formats. Every error is a problem document
(RFC 9457), whose `type` is a page of this server: /problems lists them. Send an `X-Request-ID` of
letters, digits, dots, dashes and underscores to find a request in the log.
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
    make_bomb_warnings_errors()

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
            watchdog_s=settings.watchdog_s,
        )
        cores = count_processors()
        app.state.service = Service(
            settings,
            predictors,
            engine,
            metrics,
            decoding=anyio.CapacityLimiter(cores),
            comparing=anyio.CapacityLimiter(max(1, cores // 2)),
        )
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
        telemetry={"logs": False, "operation_spans": False, "exclude": is_operational},
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
        Middleware(SendTimeout, timeout_s=settings.send_timeout_s, metrics=metrics),
        Middleware(LingeringClose),
        Middleware(SecurityHeaders),
    ]
    if settings.cors_origins:
        # Before all that refuses: pages may read why. Before the keys: a browser asks without one
        # whether it may ask.
        middleware.append(
            Middleware(
                CORSMiddleware,
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
                    "RateLimit",
                    "RateLimit-Policy",
                    "Retry-After",
                    body.IGNORED_HEADER,
                    body.PADDED_HEADER,
                ),
            )
        )
    middleware += [
        Middleware(InternalErrors),
        Middleware(HeadCheck),
        Middleware(TrustedHosts, names=settings.served_hosts),
    ]
    if keys := settings.key_ring():
        middleware.append(Middleware(ApiKeyGate, keys=keys))
    if settings.rate_per_minute:
        middleware.append(Middleware(RateLimit, per_minute=settings.rate_per_minute))
    max_json_bytes = int(settings.max_json_mb * BYTES_PER_MB)
    middleware.append(
        Middleware(
            BodyLimit,
            max_bytes=settings.max_body_bytes,
            max_total_bytes=settings.max_bodies_bytes,
            timeout_s=settings.body_timeout_s,
            own_limits={
                "/mesh": min(body.MAX_PARAMETERS_BYTES, max_json_bytes),
                "/mesh/errors": max_json_bytes,
            },
        )
    )
    middleware.append(Middleware(RequestLifetime, timeout_s=settings.timeout_s))
    max_in_flight_bytes = int(settings.max_in_flight_mb * BYTES_PER_MB)
    middleware.append(Middleware(MemoryGate, max_bytes=max_in_flight_bytes, metrics=metrics))
    routes = [route for module in ROUTES for route in module.router.routes]
    middleware.append(Middleware(AdmissionGate, routes=routes, max_queue=settings.max_queue))
    return middleware
