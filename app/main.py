"""The app: settings and predictors in, an ASGI application out. Importing this starts nothing."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from app.dependencies import Service
from app.engine import Engine
from app.errors import install_problem_handlers
from app.limits import ApiKeyGate, BodyLimit
from app.openapi import complete_openapi
from app.predictors import Predictors
from app.routes import body, health, models, silhouette
from app.settings import Settings
from app.telemetry import Metrics, RequestTelemetry

DESCRIPTION = """
Give it a photo of a dressed person: it says where in the picture the body is. Give it betas: it
makes the body. Lengths are in metres, angles in radians, confidences in [0, 1] unless a name says
otherwise.

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

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        predictors = await run_in_threadpool(load, settings)
        for status in predictors.statuses():
            metrics.loaded.labels(status.capability.slug).set(status.loaded)
        engine = Engine(
            metrics,
            max_batch=settings.max_batch,
            max_queue=settings.max_queue,
            max_wait_s=settings.max_wait_ms / 1000,
            timeout_s=settings.timeout_s,
        )
        decoding = anyio.CapacityLimiter(os.cpu_count() or 1)
        app.state.service = Service(settings, predictors, engine, metrics, decoding)
        engine.start()
        try:
            yield
        finally:
            await run_in_threadpool(engine.close)

    keys = [key.get_secret_value() for key in settings.api_keys]
    middleware = [Middleware(RequestTelemetry, metrics=metrics)]
    if keys:
        middleware.append(Middleware(ApiKeyGate, keys=keys))
    middleware.append(Middleware(BodyLimit, max_bytes=settings.max_body_bytes))
    app = FastAPI(
        title="Habitus",
        summary="The body under the clothes, and how far to trust it.",
        description=DESCRIPTION,
        version=version("habitus"),
        lifespan=lifespan,
        middleware=middleware,
        redoc_url=None,
    )
    install_problem_handlers(app)
    for router in (silhouette.router, body.router, models.router, health.router):
        app.include_router(router)
    complete_openapi(app, with_keys=bool(keys))
    return app
