import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.connections import GuardedConfig
from app.main import create_app
from app.predictors import Predictors
from app.settings import Settings
from model.body.predictor import BodyPredictor
from model.clothing.predictor import ClothingPredictor
from model.silhouette.predictor import SilhouettePredictor


@contextlib.contextmanager
def serve(app: FastAPI) -> Iterator[httpx.Client]:
    """A real server on a free port of this machine, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(GuardedConfig(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not (server.started and app.state.service.engine.unready is None):
                assert thread.is_alive(), "the server ended while it started"
                time.sleep(0.005)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            # Nothing is encrypted here; to read all certificates takes a tenth of a second.
            with httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[FastAPI], contextlib.AbstractContextManager[httpx.Client]]:
    """`serve`, for modules whose tests share their servers."""
    return serve


@pytest.fixture
def start() -> Iterator[Callable[..., httpx.Client]]:
    """Start servers: `start(Predictors(...), max_queue=1)`; they stop with the test."""
    with contextlib.ExitStack() as stack:

        def start_one(predictors: Predictors, **settings: object) -> httpx.Client:
            app = create_app(Settings(**settings), load=lambda _: predictors)  # type: ignore[arg-type]
            return stack.enter_context(serve(app))

        yield start_one


@pytest.fixture(scope="session")
def every_capability(
    tiny_silhouette: SilhouettePredictor,
    tiny_body: BodyPredictor,
    tiny_clothing: ClothingPredictor,
) -> Predictors:
    """Tiny ones."""
    return Predictors(silhouette=tiny_silhouette, body=tiny_body, clothing=tiny_clothing)


@pytest.fixture(scope="session")
def client(every_capability: Predictors) -> Iterator[httpx.Client]:
    """A server with every capability, tiny."""
    with serve(create_app(Settings(max_body_mb=2), load=lambda _: every_capability)) as client:
        yield client
