"""How the process greets, drains and ends; without signals, which are in test_lifecycle.py."""

import contextlib
import gc
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import httpx
import numpy as np
import pytest
import torch
from fastapi import FastAPI
from PIL import Image

from app.__main__ import EXIT_FAULT, Server
from app.capabilities import Predictors
from app.engine.devices import Device
from app.main import create_app
from app.settings import Settings
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor

SIDE = 64


class Held:
    """A silhouette predictor that waits at each stage of its life until it is let go."""

    input_size = SIDE
    header = None
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.warm = threading.Event()
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.error: Exception | None = None

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        if images[0].shape[0] == SIDE:  # the example of the warm-up
            assert self.warm.wait(120)
        else:
            self.entered.set()
            assert self.let_go.wait(120)
            if self.error is not None:
                raise self.error
        return [SilhouetteConfidence(np.ones(i.shape[:2], np.float32)) for i in images]


class OnLostDevice(Predictors):
    """Predictors whose device has failed for good."""

    def devices(self) -> list[Device]:
        return [replace(device, synchronize=_is_lost) for device in super().devices()]


def _is_lost() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


@dataclass
class Running:
    """A server in a thread."""

    server: Server
    thread: threading.Thread
    app: FastAPI
    url: str
    held: Held

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def join(self) -> None:
        self.thread.join(120)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def running(drain_s: float = 0, kind: type[Predictors] = Predictors) -> Iterator[Running]:
    held = Held()
    predictors = kind(silhouette=cast("SilhouettePredictor", held))
    app = create_app(
        Settings(max_batch=1, timeout_s=120, drain_s=drain_s), load=lambda _: predictors
    )
    server = Server(app, lambda: "hello")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        until(lambda: server.started)
        try:
            yield Running(server, thread, app, url, held)
        finally:
            held.warm.set()
            held.let_go.set()
            server.should_exit = True
            thread.join()


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < give_up_at, "it never happened"
        time.sleep(0.005)


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE // 2, SIDE // 2)).save(buffer, "PNG")
    return buffer.getvalue()


def post_later(client: httpx.Client) -> tuple[threading.Thread, list[httpx.Response]]:
    """A request on its way, and a place for its answer."""
    answers: list[httpx.Response] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/confidence", files={"image": photo()}))
    )
    thread.start()
    return thread, answers


def test_the_collector_passes_over_what_was_there_when_it_was_ready() -> None:
    gc.unfreeze()
    try:
        with running() as here:
            assert gc.get_freeze_count() == 0
            here.held.warm.set()
            until(lambda: here.server.is_greeted)
            assert gc.get_freeze_count() > 10_000  # PyTorch alone has more objects
    finally:
        gc.unfreeze()


def test_while_it_warms_up_it_is_live_and_not_ready_and_greets_when_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running() as here, here.client() as client:
        assert client.get("/health/live").status_code == 200
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "the predictors are warming up"
        assert answer.headers["retry-after"]
        assert capsys.readouterr().out == ""
        here.held.warm.set()
        until(lambda: client.get("/health/ready").status_code == 200)
        until(lambda: here.server.is_greeted)
        time.sleep(0.3)
        assert capsys.readouterr().out == "hello\n"


def test_told_to_stop_it_is_not_ready_first_and_loses_nothing_that_it_accepted() -> None:
    with running(drain_s=2) as here, here.client() as client, here.client() as other:
        here.held.warm.set()
        thread, answers = post_later(other)
        assert here.held.entered.wait(120)
        here.server.handle_exit(15, None)
        until(lambda: client.get("/health/ready").status_code == 503)
        with here.client() as new:  # connections are still accepted
            assert new.get("/health/live").status_code == 200
        until(lambda: not here.server.servers[0].is_serving())
        with pytest.raises(httpx.ConnectError), here.client() as late:
            late.get("/health/live")
        here.held.let_go.set()
        thread.join(120)
        here.join()
        assert [answer.status_code for answer in answers] == [200]
        assert here.server.exit_code == 0


def test_when_its_device_is_lost_those_who_wait_are_told_and_the_process_ends() -> None:
    with running(kind=OnLostDevice) as here, here.client() as client, here.client() as other:
        here.held.warm.set()
        here.held.error = torch.AcceleratorError("CUDA error: an illegal memory access")
        requests = [post_later(client), post_later(other)]
        until(lambda: here.app.state.service.engine.num_admitted == 2)
        here.held.let_go.set()
        for thread, answers in requests:
            thread.join(120)
            assert [answer.status_code for answer in answers] == [503]
            assert answers[0].json()["type"] == "/problems/not-ready"
            assert answers[0].headers["retry-after"]
        here.join()
        assert here.server.exit_code == EXIT_FAULT


def test_a_lost_device_turns_both_health_checks_to_503(
    start: Callable[..., httpx.Client],
) -> None:
    held = Held()
    held.warm.set()
    held.let_go.set()
    held.error = torch.AcceleratorError("CUDA error: an illegal memory access")
    client = start(OnLostDevice(silhouette=cast("SilhouettePredictor", held)))
    assert client.get("/health/live").status_code == 200
    assert client.post("/confidence", files={"image": photo()}).status_code == 503
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "must be restarted" in answer.json()["detail"]


def test_an_item_that_does_not_fit_the_device_is_answered_503(
    start: Callable[..., httpx.Client],
) -> None:
    held = Held()
    held.warm.set()
    held.let_go.set()
    held.error = torch.OutOfMemoryError("CUDA out of memory")
    client = start(Predictors(silhouette=cast("SilhouettePredictor", held)))
    answer = client.post("/confidence", files={"image": photo()})
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/out-of-memory"
    assert answer.headers["retry-after"]
    held.error = None
    assert client.post("/confidence", files={"image": photo()}).status_code == 200
