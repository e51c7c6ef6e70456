import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from app.__main__ import listen, serving_config, url_of
from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from model.body.predictor import BodyPredictor
from model.clothing.predictor import ClothingPredictor
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor
from model.synthesis.predictor import SynthesisPredictor


@contextlib.contextmanager
def serve(app: FastAPI) -> Iterator[httpx.Client]:
    """A real server on a free port of this machine, in a thread."""
    with listen("127.0.0.1", 0, app.state.settings.send_timeout_s) as listener:
        server = uvicorn.Server(serving_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not (server.started and app.state.service.engine.unready is None):
                assert thread.is_alive(), "the server ended while it started"
                time.sleep(0.005)
            url = url_of(listener)
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
    tiny_synthesis: SynthesisPredictor,
) -> Predictors:
    """Tiny ones."""
    return Predictors(
        silhouette=tiny_silhouette,
        body=tiny_body,
        clothing=tiny_clothing,
        synthesis=tiny_synthesis,
    )


@pytest.fixture(scope="session")
def client(every_capability: Predictors) -> Iterator[httpx.Client]:
    """A server with every capability, tiny."""
    with serve(create_app(Settings(max_body_mb=2), load=lambda _: every_capability)) as client:
        yield client


class Held:
    """A silhouette predictor that is busy until it is let go; the warm-up passes."""

    input_size = 64
    header = None

    def __init__(self, device: object) -> None:
        self.device = device
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.batches: list[list[tuple[int, ...]]] = []
        """Sizes of the pictures in each batch, without the warm-up's."""

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        if images[0].shape[0] != self.input_size:
            self.batches.append([image.shape[:2] for image in images])
            self.entered.set()
            assert self.let_go.wait(30)
        return [SilhouetteConfidence(np.ones(i.shape[:2], np.float32)) for i in images]


@pytest.fixture
def held(tiny_silhouette: SilhouettePredictor) -> Iterator[Held]:
    """A predictor that the test lets go; at the end it is let go anyway."""
    predictor = Held(tiny_silhouette.device)
    yield predictor
    predictor.let_go.set()
