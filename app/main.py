"""create_app: settings and predictors in, an ASGI application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from app.capabilities import Predictors
from app.dependencies import Service
from app.engine.engine import Engine
from app.errors import problem_of
from app.middleware.admission import Admission
from app.middleware.api_keys import API_KEY_HEADER, api_keys
from app.middleware.body_limit import BodyLimit
from app.middleware.deadline import Deadline
from app.middleware.head_checks import HeadChecks, check_head_size
from app.middleware.memory import MemoryBudget
from app.middleware.paths import is_operational
from app.middleware.problem_answers import ProblemAnswers
from app.middleware.rate_limit import RateLimit
from app.middleware.security_headers import SecurityHeaders
from app.middleware.trusted_hosts import trusted_hosts
from app.openapi import complete_openapi
from app.routes import (
    body,
    clothing,
    documentation,
    health,
    measurements,
    models,
    silhouette,
    synthesis,
)
from app.settings import BYTES_PER_MB, Settings
from app.telemetry.metrics import Metrics
from app.telemetry.request_log import REQUEST_ID_HEADER, SERVER_TIMING_HEADER, RequestLog
from model.processors import count_processors

ROUTES = [
    route
    for module in (
        silhouette,
        body,
        measurements,
        clothing,
        synthesis,
        models,
        health,
        documentation,
    )
    for route in module.router.routes
]
DESCRIPTION = """
From a photo of a dressed person: where the body is under the clothes, and which garment is where.
From betas: the body as a mesh, and its measurements. From skeletons: a person in their poses.
Lengths are in metres, angles in radians, confidences in [0, 1] unless a name says otherwise.

Send a picture as the file part `image` of a form, as base64 in JSON, or as the body itself.
`Accept`, or `?format=`, chooses among an endpoint's formats. Every error is a problem document
(RFC 9457), whose `type` is a page of this server: /problems lists them. An `X-Request-ID` of
letters, digits, dots, dashes and underscores is repeated in the answer and in the log.
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
        metrics.describe(predictors.states())
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
        routes=ROUTES,
        exception_handlers={HTTPException: _problem, RequestValidationError: _problem},
        # Its logs of errors would hold what clients sent; spans of its steps say less than stages.
        telemetry={"logs": False, "operation_spans": False, "exclude": is_operational},
    )
    app.state.settings, app.state.metrics = settings, metrics
    complete_openapi(
        app, with_keys=bool(settings.key_ring()), with_rate=bool(settings.rate_per_minute)
    )
    return app


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """What a request passes before its route, the outermost first."""
    max_json_bytes = int(settings.max_json_mb * BYTES_PER_MB)
    cors = Middleware(
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
    keys = settings.key_ring()
    rate = settings.rate_per_minute
    budget = MemoryBudget(int(settings.max_in_flight_mb * BYTES_PER_MB))
    metrics.claimed.set_function(lambda: budget.num_claimed)
    return [
        Middleware(RequestLog, metrics=metrics),
        Middleware(SecurityHeaders),
        # Outside of all that refuses, so that pages can read why; a preflight request has no key.
        *([cors] if settings.cors_origins else []),
        Middleware(ProblemAnswers),
        Middleware(
            HeadChecks,
            checks=(
                check_head_size,
                trusted_hosts(settings.served_hosts),
                *([api_keys(keys)] if keys else []),
                *([RateLimit(rate)] if rate else []),
            ),
        ),
        Middleware(
            BodyLimit,
            max_bytes=settings.max_body_bytes,
            timeout_s=settings.body_timeout_s,
            budget=budget,
            own_limits={
                "/mesh": min(body.MAX_PARAMETERS_BYTES, max_json_bytes),
                "/mesh/errors": max_json_bytes,
                "/measurements": max_json_bytes,
                "/synthesis": max_json_bytes,
            },
        ),
        Middleware(Deadline, timeout_s=settings.timeout_s),
        Middleware(Admission, routes=ROUTES),
    ]


async def _problem(request: Request, error: Exception) -> Response:
    """Of the exceptions for which the framework has handlers of its own."""
    answer = problem_of(request.scope, error)
    assert answer is not None
    return answer
