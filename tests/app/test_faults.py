"""Clients, pictures, disks and devices that go wrong: the server goes on, and says nothing worse
than that it is busy. The long ones are in `python -m benchmarks faults`."""

import collections
import contextlib
import io
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import (
    SilhouetteConfidence,
    SilhouettePredictor,
    save_silhouette_checkpoint,
)

Start = Callable[..., httpx.Client]
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
REFUSALS = {413, 415, 422}
GRACEFUL = {"503", "504"}
"""The only statuses from 500 on that a server may answer with."""
BOUNDARY = "boundary"


def encoded(picture: Image.Image, picture_format: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, picture_format)
    return buffer.getvalue()


def form(picture: bytes) -> bytes:
    """The bytes of a whole request."""
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    ).encode() + picture
    body += f"\r\n--{BOUNDARY}--\r\n".encode()
    return (
        f"POST /confidence HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode() + body


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30)


def hang_up(connection: socket.socket) -> None:
    """With a reset, as a client that crashes does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def statuses(client: httpx.Client) -> collections.Counter[str]:
    """Answers by status, as the server has counted them."""
    found: collections.Counter[str] = collections.Counter()
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("habitus_requests_total{"):
            status = re.search(r'status="(\d+)"', line)
            assert status
            found[status[1]] += int(float(line.rpartition(" ")[2]))
    return found


def admitted(client: httpx.Client) -> float:
    [line] = re.findall(r"^habitus_admitted_items (\S+)$", client.get("/metrics").text, re.M)
    return float(line)


def assert_unharmed(client: httpx.Client, photo: Image.Image) -> None:
    """Nothing is left over, nothing worse than busy was said, and pictures are still answered."""
    give_up_at = time.monotonic() + 20
    while admitted(client):
        assert time.monotonic() < give_up_at, "an item stays admitted"
        time.sleep(0.01)
    assert client.post("/confidence", files={"image": encoded(photo)}).status_code == 200
    assert client.get("/health/live").status_code == 200
    answered = statuses(client)
    assert {status for status in answered if status >= "500"} <= GRACEFUL, answered


@pytest.fixture
def predictors(tiny_silhouette: SilhouettePredictor) -> Predictors:
    return Predictors(silhouette=tiny_silhouette)


class Slow(SilhouettePredictor):
    """The same map for all, when it is told to go on."""

    def __init__(self, tiny: SilhouettePredictor) -> None:
        self.__dict__.update(tiny.__dict__)
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        self.entered.set()
        assert self.go_on.wait(20)
        return [
            SilhouetteConfidence(np.zeros(image.shape[:2], dtype=np.float32)) for image in images
        ]


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_that_is_cut_anywhere_is_refused_or_read(
    client: httpx.Client, photo: Image.Image, picture_format: str
) -> None:
    whole = encoded(photo, picture_format)
    cuts = sorted({0, 1, 2, 4, 12, 30, len(whole) // 3, len(whole) // 2, len(whole) - 1})
    for cut in cuts:
        answer = client.post("/confidence", files={"image": whole[:cut]})
        assert answer.status_code in {*REFUSALS, 200}, (cut, answer.text)
    assert_unharmed(client, photo)


def hostile_pictures() -> Iterator[tuple[str, bytes]]:
    """Small files that claim to be enormous, lie about what they are, or are built to confuse."""
    png = encoded(Image.new("L", (32, 32)), "PNG")
    yield "a PNG that claims 4 gigapixels", png[:16] + struct.pack(">II", 65535, 65535) + png[24:]
    yield "a PNG of no width", png[:16] + struct.pack(">II", 0, 32) + png[24:]
    jpeg = encoded(Image.new("L", (32, 32)))
    size_at = jpeg.index(b"\xff\xc0") + 5
    yield (
        "a JPEG that claims 4 gigapixels",
        jpeg[:size_at] + b"\xff\xff\xff\xff" + jpeg[size_at + 4 :],
    )
    yield "a JPEG that ends in its head", jpeg[: jpeg.index(b"\xff\xda")]
    yield "a JPEG with noise for its scan", jpeg[: jpeg.index(b"\xff\xda") + 14] + os.urandom(400)
    bmp = encoded(Image.new("L", (32, 32)), "BMP")
    yield "a BMP that claims 4 gigapixels", bmp[:18] + struct.pack("<ii", 65535, 65535) + bmp[26:]
    yield "a BMP of negative width", bmp[:18] + struct.pack("<ii", -32, 32) + bmp[26:]
    tiff = encoded(Image.new("L", (32, 32)), "TIFF")
    yield "a TIFF that points behind its end", tiff[:4] + b"\xf0\xff\xff\xff" + tiff[8:]
    loop = b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"
    yield "a TIFF whose directory points at itself", loop
    webp = encoded(Image.new("RGB", (32, 32)), "WEBP")
    yield "a WebP of the wrong length", webp[:4] + b"\xff\xff\xff\x7f" + webp[8:]
    yield "half a GIF", encoded(Image.effect_noise((32, 32), 90), "GIF")[:500]
    yield "a script", b"#!/bin/sh\nexit 1\n"
    yield "an SVG that reads a file", b'<svg><image href="file:///etc/passwd"/></svg>'
    yield "only zeros", bytes(5000)


def test_hostile_pictures_are_refused_and_harm_nobody(
    client: httpx.Client, photo: Image.Image
) -> None:
    for name, picture in hostile_pictures():
        answer = client.post("/confidence", files={"image": picture})
        # Noise in a scan is still a picture, to every decoder.
        allowed = {*REFUSALS, 200} if "noise" in name else REFUSALS
        assert answer.status_code in allowed, (name, answer.status_code, answer.text)
        assert "/etc" not in answer.text
        assert "Traceback" not in answer.text
    assert_unharmed(client, photo)


def test_slow_and_silent_clients_by_the_hundred_do_not_keep_others_waiting(
    start: Start, predictors: Predictors, photo: Image.Image
) -> None:
    client = start(predictors, body_timeout_s=1)
    request = form(encoded(photo))
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(client)) for _ in range(150)]
        for number, connection in enumerate(slow):
            # Nothing at all, half a head, or half a body.
            connection.sendall(request[: (0, 40, len(request) // 2)[number % 3]])
        for _ in range(3):
            answer = client.post("/confidence", files={"image": encoded(photo)})
            assert answer.status_code == 200
        for connection in slow[2::3]:
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert_unharmed(client, photo)


@pytest.mark.parametrize("phase", ["in the head", "in the body", "after the body", "in the answer"])
def test_a_client_that_hangs_up_in_any_phase_frees_its_place(
    start: Start, tiny_silhouette: SilhouettePredictor, photo: Image.Image, phase: str
) -> None:
    slow = Slow(tiny_silhouette)
    client = start(Predictors(silhouette=slow), max_queue=2)
    # Its map is megabytes: too much for the buffers between, so that the answer is under way.
    request = form(encoded(photo if phase != "in the answer" else Image.new("RGB", (3000, 2000))))
    request = request.replace(b"Host", b"Accept: application/x-npy\r\nHost", 1)
    sent = {"in the head": 30, "in the body": len(request) - 100}.get(phase, len(request))
    for _ in range(3):  # more than there are places
        slow.entered.clear()
        if phase == "after the body":
            slow.go_on.clear()
        connection = connect(client)
        connection.sendall(request[:sent])
        if phase == "after the body":
            assert slow.entered.wait(20)
        if phase == "in the answer":
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        hang_up(connection)
        slow.go_on.set()
    assert_unharmed(client, photo)


def test_a_disk_that_is_full_is_no_reason_to_fail(start: Start, predictors: Predictors) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 800, 3), dtype=np.uint8)
    picture = encoded(Image.fromarray(noise), "BMP")
    assert len(picture) > 1_500_000  # beyond what form parsers keep in memory by default
    client = start(predictors)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        answer = client.post("/confidence", files={"image": picture})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status_code == 200, answer.text


class Dying(SilhouettePredictor):
    """Takes the thread of its device with it."""

    def __init__(self, tiny: SilhouettePredictor) -> None:
        self.__dict__.update(tiny.__dict__)

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        if all(not image.any() for image in images):  # the warm-up is black
            return super().predict_batch(images)
        raise SystemExit("the driver is gone")


def test_a_device_thread_that_ends_is_told_to_clients_and_to_the_supervisor(
    start: Start, tiny_silhouette: SilhouettePredictor, photo: Image.Image
) -> None:
    client = start(Predictors(silhouette=Dying(tiny_silhouette)))
    for _ in range(2):  # the one that met it, and one that comes later
        answer = client.post("/confidence", files={"image": encoded(photo)})
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/health/live").status_code == 503


@pytest.fixture
def server_process(tmp_path: Path, repo_root: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m app` with a tiny network."""
    save_silhouette_checkpoint(
        tmp_path / "silhouette.safetensors",
        StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2)),
        64,
        CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0"),
    )
    inherited = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=repo_root,
            env={
                **inherited,
                "HABITUS_CHECKPOINTS": str(tmp_path),
                "HABITUS_PORT": "0",
                "HABITUS_DEVICE": "cpu",
                "HABITUS_LOG_FORMAT": "json",
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    yield process
    process.kill()
    process.communicate()


def test_what_was_accepted_is_answered_when_the_server_is_told_to_stop(
    server_process: subprocess.Popen[str], tmp_path: Path, photo: Image.Image
) -> None:
    assert server_process.stdout is not None
    url = re.search(r"http://127\.0\.0\.1:\d+", server_process.stdout.readline())
    assert url
    picture, answers = encoded(photo), dict[str, int]()
    answered = threading.Event()

    def ask_until_it_ends(name: str) -> None:
        with httpx.Client(base_url=url[0], trust_env=False, timeout=60) as client:
            for number in range(100_000):
                request_id = f"{name}-{number}"
                answers[request_id] = 0
                try:
                    answer = client.post(
                        "/confidence",
                        files={"image": picture},
                        headers={"X-Request-ID": request_id},
                    )
                except httpx.HTTPError:
                    return
                answers[request_id] = answer.status_code
                if len(answers) > 40:
                    answered.set()

    threads = [threading.Thread(target=ask_until_it_ends, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    assert answered.wait(60)
    server_process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert server_process.wait(60) in (0, -signal.SIGTERM)
    assert set(answers.values()) <= {200, 503, 0}
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    accepted = set(re.findall(r'"request_id": ?"([a-f]-\d+)"', log))
    assert len(accepted) > 40
    lost = {request_id for request_id in accepted if answers[request_id] == 0}
    assert not lost
