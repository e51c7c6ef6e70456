"""`POST /mesh/errors`: its bounds in size, units, places and time; with a real server."""

import io
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import numpy as np
import pytest

from app.capabilities import Predictors
from app.codecs.npy import MAX_VERTICES
from app.main import create_app
from app.settings import Settings
from model.body.predictor import BodyParameters, BodyPredictor

BODIES = {"predicted": {"betas": [1]}, "ground_truth": {"betas": [0], "transl": [0, 1, 0]}}


def mesh(num_vertices: int, seed: int = 0) -> np.ndarray:
    """About as large as a person; numbers of as many digits as a float has."""
    return np.random.default_rng(seed).uniform(-1, 1, (num_vertices, 3))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def hard_pair() -> dict[str, bytes]:
    """Nearest neighbours that are hard to tell: seconds of work."""
    random = np.random.default_rng(0)
    sphere = random.normal(size=(MAX_VERTICES, 3))
    sphere *= 4 / np.linalg.norm(sphere, axis=1, keepdims=True)
    return {
        "predicted": npy(sphere),
        "ground_truth": npy(0.02 * random.normal(size=(MAX_VERTICES, 3))),
    }


def as_json(predicted: np.ndarray, ground_truth: np.ndarray, **options: int) -> bytes:
    pair = {"predicted": predicted, "ground_truth": ground_truth}
    vertices = {name: {"vertices": array.tolist()} for name, array in pair.items()}
    return json.dumps(vertices, **options).encode()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(serving: Any, tiny_body: BodyPredictor) -> Any:
    with serving(create_app(Settings(), load=lambda _: Predictors(body=tiny_body))) as client:
        yield client


@pytest.mark.parametrize("indent", [None, 2], ids=["compact", "indented"])
def test_two_meshes_of_the_assets_size_fit_as_json(client: httpx.Client, indent: Any) -> None:
    body = as_json(mesh(13_718), mesh(13_718, 1), indent=indent)
    answer = client.post("/mesh/errors", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["num_vertices"] == 13_718


def test_two_meshes_of_as_many_vertices_as_are_read_fit_in_every_form(
    client: httpx.Client,
) -> None:
    pair = mesh(MAX_VERTICES), mesh(MAX_VERTICES, 1)
    by_json = client.post(
        "/mesh/errors", content=as_json(*pair), headers={"content-type": "application/json"}
    )
    files = dict(zip(("predicted", "ground_truth"), map(npy, pair), strict=True))
    assert by_json.status_code == 200, by_json.text
    assert client.post("/mesh/errors", files=files).json() == by_json.json()


@pytest.mark.parametrize("path", ["/mesh", "/mesh/errors"])
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_larger_than_meshes_are_is_cut_off_though_a_picture_may_be_larger(
    client: httpx.Client, path: str, is_declared: bool
) -> None:
    body = b" " * 5_000_000
    content: Any = body if is_declared else (body[:65536] for _ in range(80))
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413, answer.text


GARBAGE = {
    "lists": b'{"predicted": {"betas": [' + b"[]," * 900_000 + b"[]]}}",
    "nested lists": b'{"predicted": {"vertices": [' + b"[[[[]]]]," * 400_000 + b"[]]}}",
    "objects": b'{"predicted": {"betas": [' + b"{}," * 900_000 + b"{}]}}",
    "numbers": b'{"predicted": {"betas": [' + b"1.5," * 900_000 + b"0]}}",
    "names": b"{" + b",".join(b'"%x":0' % number for number in range(300_000)) + b"}",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_json_of_more_values_than_two_meshes_have_is_refused_in_few_words(
    client: httpx.Client, what: str
) -> None:
    answer = client.post(
        "/mesh/errors", content=GARBAGE[what], headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert "values, lists and objects; at most" in answer.json()["detail"]
    assert len(answer.content) < 2000


@pytest.mark.parametrize("scale", [1000, 100, 0.001, 0])
@pytest.mark.parametrize("whose", ["predicted", "ground_truth"])
@pytest.mark.parametrize("form", ["json", "files"])
def test_vertices_that_are_not_in_metres_are_refused(
    client: httpx.Client, scale: float, whose: str, form: str
) -> None:
    pair = {"predicted": mesh(10), "ground_truth": mesh(10)}
    pair[whose] = pair[whose] * scale
    if form == "json":
        vertices = {name: {"vertices": array.tolist()} for name, array in pair.items()}
        answer = client.post("/mesh/errors", json=vertices)
    else:
        files = {name: npy(array) for name, array in pair.items()}
        answer = client.post("/mesh/errors", files=files)
    assert answer.status_code == 422
    assert whose in answer.json()["detail"]
    assert "in metres" in answer.json()["detail"]


def test_a_comparison_ends_at_the_deadline_and_leaves_the_processor_free(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    client = start(Predictors(body=tiny_body), timeout_s=0.5)
    started = time.monotonic()
    answer = client.post("/mesh/errors", files=hard_pair())
    assert answer.status_code == 504
    assert time.monotonic() - started < 3  # and not the five of the whole work
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.25
    assert client.post("/mesh/errors", json=BODIES).status_code == 200


def test_a_comparison_ends_when_its_client_goes_and_holds_a_place_until_then(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    client = start(Predictors(body=tiny_body), max_queue=1)
    request = client.build_request("POST", "/mesh/errors", files=hard_pair())
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    address = (client.base_url.host, client.base_url.port or 0)
    with closing(socket.create_connection(address, timeout=30)) as connection:
        connection.sendall(b"POST /mesh/errors HTTP/1.1\r\n" + head.encode() + b"\r\n")
        connection.sendall(request.read())
        while "habitus_admitted_requests 1.0" not in client.get("/metrics").text:
            pass
        assert client.post("/mesh", json={"betas": [0]}).status_code == 503
    started = time.monotonic()
    while client.post("/mesh", json={"betas": [0]}).status_code != 200:
        assert time.monotonic() - started < 2  # and not the five of the whole work


def test_the_bodies_of_a_comparison_are_those_of_the_predictor(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    predicted, truth = tiny_body.predict_batch(
        [
            BodyParameters(np.array([1], np.float32)),
            BodyParameters(np.array([0], np.float32), transl=np.array([0, 1, 0], np.float32)),
        ]
    )
    distances = np.linalg.norm(predicted.vertices - truth.vertices, axis=1)
    answer = client.post("/mesh/errors", json=BODIES).json()
    assert answer["mean_error_mm"] == pytest.approx(1000 * distances.mean(), rel=1e-5)
