"""Requests that cost much more than they look: to parse, to compare, to hold."""

import contextlib
import io
import random
import time
from collections.abc import Callable

import httpx
import numpy as np
from PIL import Image

from benchmarks.faults.requests import raw
from benchmarks.faults.server import Server
from benchmarks.faults.tally import Tally, in_threads

MAX_STALL_MS = 50.0
MAX_HELD_MB = 300.0
NUM_SLOW_READERS = 20
NUM_COMPARISONS = 4
SIDE = 3000


def ask_too_much(server: Server) -> None:
    """Garbage to parse, meshes that are hard to compare, and slow readers of large answers."""
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as http:
        _parse(server, http)
        _compare(server, http)
        _hold(server, http)


def _parse(server: Server, http: httpx.Client) -> None:
    bodies = [
        b'{"predicted": {"betas": [' + b"[]," * 1_300_000 + b"[]]}}",
        b'{"predicted": {"betas": [' + b"[]," * 40_000 + b"[]]}}",
        b"{" + b",".join(b'"%x":0' % number for number in range(400_000)) + b"}",
    ]
    tally = Tally()

    def send() -> None:
        for body in bodies * 10:
            for path in ("/mesh", "/mesh/errors"):
                head = {"Content-Type": "application/json"}
                tally.statuses[http.post(path, content=body, headers=head).status_code] += 1

    worst_ms = _longest_wait_ms(server, send)
    print(
        f"/health/live beside JSON of many values, at most {MAX_STALL_MS:g} ms, {worst_ms:.1f} ms"
        f"\n  the answers: {tally}"
    )


def _compare(server: Server, http: httpx.Client) -> None:
    """Nearest neighbours on a sphere are hard to tell for points about its centre."""
    noise = np.random.default_rng(0)
    sphere = noise.normal(size=(20_000, 3))
    sphere *= 4 / np.linalg.norm(sphere, axis=1, keepdims=True)
    pair = {"predicted": sphere, "ground_truth": 0.02 * noise.normal(size=sphere.shape)}
    files = {name: _npy(vertices) for name, vertices in pair.items()}
    tally = Tally()

    def compare() -> None:
        tally.statuses[http.post("/mesh/errors", files=files).status_code] += 1

    in_threads([compare] * NUM_COMPARISONS)
    before = server.processor_s
    time.sleep(1)
    share = server.processor_s - before
    print(f"processors busy after the deadline of comparisons, < 0.1, {share:.2f}\n  {tally}")


def _hold(server: Server, http: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(buffer, "PNG")
    request = raw(
        http.build_request(
            "POST",
            "/confidence/weighted-image",
            files={"image": buffer.getvalue()},
            headers={"Accept": "application/x-npy"},
        )
    )
    before = server.memory_mb
    with contextlib.ExitStack() as stack:
        for _ in range(NUM_SLOW_READERS):
            connection = stack.enter_context(server.connect())
            connection.sendall(request)
        time.sleep(20)
        held = server.memory_mb - before
        num_bytes = NUM_SLOW_READERS * SIDE * SIDE * 12
        print(
            f"memory held by {NUM_SLOW_READERS} slow readers of {num_bytes / 1e6:.0f} MB, "
            f"< {MAX_HELD_MB:g} MB, {held:.0f} MB"
        )


def _longest_wait_ms(server: Server, work: Callable[[], None]) -> float:
    """For /health/live, while the work is done."""
    waits_s = list[float]()
    is_done = False

    def do() -> None:
        nonlocal is_done
        work()
        is_done = True

    def probe() -> None:
        chance = random.Random(0)
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
            while not is_done:
                started = time.perf_counter()
                http.get("/health/live")
                waits_s.append(time.perf_counter() - started)
                time.sleep(0.005 * chance.random())

    in_threads([do, probe])
    return max(waits_s) * 1000


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
