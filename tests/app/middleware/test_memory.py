"""The memory of bodies and of decoded pictures is bounded."""

import io
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.errors import ProblemError
from app.middleware.memory import BYTES_PER_PIXEL, Claim, MemoryBudget
from model.silhouette.predictor import SilhouettePredictor

SIDE = 2000
PICTURE_MB = SIDE * SIDE * BYTES_PER_PIXEL / 1e6


@pytest.fixture(scope="module")
def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(buffer, "PNG")
    return buffer.getvalue()


def ask(client: httpx.Client, picture: bytes) -> httpx.Response:
    return client.post(
        "/confidence", files={"image": picture}, headers={"accept": "application/x-npy"}
    )


def claimed_mb(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("habitus_claimed_bytes ")]
    return float(value) / 1e6


def wait_until_claimed(client: httpx.Client, megabytes: float) -> None:
    while claimed_mb(client) != pytest.approx(megabytes, abs=0.01):
        pass


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"] == "/problems/too-many-requests-at-once"
    assert "ask again shortly" in answer.json()["detail"]


def test_a_picture_for_which_there_is_no_room_is_refused_at_once(
    start: Callable[..., httpx.Client], held: Any, picture: bytes
) -> None:
    client = start(Predictors(silhouette=held), max_in_flight_mb=1.5 * PICTURE_MB)
    first: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: first.append(ask(client, picture)))
    asking.start()
    assert held.entered.wait(30)
    assert claimed_mb(client) == pytest.approx(PICTURE_MB, abs=0.1)
    with httpx.Client(base_url=client.base_url, trust_env=False) as other:
        assert_refused(ask(other, picture))
        held.let_go.set()
        asking.join()
        assert first[0].status_code == 200
        assert ask(other, picture).status_code == 200
    wait_until_claimed(client, 0)


def test_a_lone_picture_is_read_though_it_needs_more_than_is_allowed_for_all(
    start: Callable[..., httpx.Client], tiny_silhouette: SilhouettePredictor, picture: bytes
) -> None:
    client = start(Predictors(silhouette=tiny_silhouette), max_in_flight_mb=1)
    assert ask(client, picture).status_code == 200


def test_bodies_and_pictures_share_the_memory(
    start: Callable[..., httpx.Client], held: Any, picture: bytes
) -> None:
    room = PICTURE_MB + 1.5 * len(picture) / 1e6
    client = start(Predictors(silhouette=held), max_in_flight_mb=room)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, client, picture)
        assert held.entered.wait(30)
        assert claimed_mb(client) > PICTURE_MB
        assert_refused(ask(client, picture))
        held.let_go.set()
        assert asked.result().status_code == 200
    wait_until_claimed(client, 0)


def test_a_picture_counts_until_its_client_has_taken_the_answer(
    start: Callable[..., httpx.Client], tiny_silhouette: SilhouettePredictor, picture: bytes
) -> None:
    client = start(Predictors(silhouette=tiny_silhouette), max_in_flight_mb=1.5 * PICTURE_MB)
    with (
        httpx.Client(base_url=client.base_url, trust_env=False, timeout=60) as slow,
        slow.stream(
            "POST",
            "/confidence/weighted-image",
            files={"image": picture},
            headers={"accept": "application/x-npy"},
        ) as answer,
    ):
        assert claimed_mb(client) > PICTURE_MB
        assert_refused(ask(client, picture))
        assert len(answer.read()) == SIDE * SIDE * 12 + 128
        wait_until_claimed(client, 0)
    assert ask(client, picture).status_code == 200


@pytest.mark.parametrize("end", ["refused", "client gone"])
def test_memory_is_free_again_however_a_request_ends(
    start: Callable[..., httpx.Client], held: Any, picture: bytes, end: str
) -> None:
    client = start(Predictors(silhouette=held))
    if end == "refused":
        assert ask(client, picture[: len(picture) // 2]).status_code == 422
    else:
        request = client.build_request("POST", "/confidence", files={"image": picture})
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        address = (client.base_url.host, client.base_url.port or 0)
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /confidence HTTP/1.1\r\n" + head.encode() + b"\r\n")
            connection.sendall(request.read())
            assert held.entered.wait(30)
    wait_until_claimed(client, 0)


def test_a_claim_is_refused_where_others_leave_no_room_and_is_given_back() -> None:
    budget = MemoryBudget(100)
    first, second = Claim(budget), Claim(budget)
    first.add(60)
    first.add(60)  # alone it has all that it needs
    with pytest.raises(ProblemError, match="ask again shortly"):
        second.add(1)
    first.release()
    second.add(90)
    assert budget.num_claimed == 90
    second.release()
    assert budget.num_claimed == 0
