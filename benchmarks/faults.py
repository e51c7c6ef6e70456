"""What goes wrong in months, in minutes: odd clients, odd pictures and many requests.

One real server (`python -m app`) with a small network of random weights and the body of this
repository. Nothing of status 500 and above may be answered but 503 and 504.
"""

import argparse
import collections
import contextlib
import io
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never

import httpx
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from app.predictors import BODY, SILHOUETTE
from model.checkpoint import CheckpointHeader
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint

ROOT = Path(__file__).resolve().parents[1]
MAX_GROWTH_MB = 50.0
MAX_HEALTH_P99_MS = 50.0
NUM_CLIENTS = 8
WARM_UP = 0.1
"""Of the requests, before memory is measured for the first time."""
GRACEFUL = {503, 504}
MESH_TYPES = (
    "application/json",
    "model/gltf-binary",
    "model/obj",
    "model/ply",
    "application/x-npz",
)
MAP_TYPES = ("image/png", "application/x-npy", "application/json")


@dataclass(frozen=True)
class Server:
    """A running one."""

    url: str
    process: "subprocess.Popen[str]"
    log: Path

    @property
    def memory_mb(self) -> float:
        """Resident memory, in megabytes of 1,000,000 bytes (Linux)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def connect(self) -> socket.socket:
        """A connection without an HTTP client around it."""
        url = httpx.URL(self.url)
        return socket.create_connection((url.host, url.port or 0), timeout=30)


@dataclass
class Tally:
    """Answers by status; 0: no answer."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)

    @property
    def ungraceful(self) -> dict[int, int]:
        """Those that no client should ever see."""
        return {s: n for s, n in self.statuses.items() if s >= 500 and s not in GRACEFUL}

    def __str__(self) -> str:
        return ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m benchmarks faults`."""
    parser.add_argument(
        "--requests", type=int, default=20_000, metavar="N", help="mixed requests (20000)"
    )
    parser.add_argument("--stops", type=int, default=5, metavar="N", help="SIGTERMs under load (5)")
    parser.add_argument(
        "--silent", type=int, default=300, metavar="N", help="silent and slow clients (300)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Put a server through it all; print a line for each fault: fault, asked, measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_checkpoints(folder)
        with running(folder, {}) as server:
            _memory(server, arguments.requests)
        with running(folder, {"HABITUS_HEAD_TIMEOUT_S": "2", "HABITUS_BODY_TIMEOUT_S": "2"}) as it:
            _silent_clients(it, arguments.silent)
        lost = accepted = 0
        for _ in range(arguments.stops):
            with running(folder, {}) as server:
                now_lost, now_accepted = _stop_under_load(server)
                lost, accepted = lost + now_lost, accepted + now_accepted
        print(
            f"SIGTERM under load, accepted and not answered, 0, {lost} of {accepted} "
            f"in {arguments.stops} stops"
        )


@contextlib.contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """The server of those checkpoints, on a free port."""
    inherited = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={
                **inherited,
                "HABITUS_CHECKPOINTS": str(folder),
                "HABITUS_PORT": "0",
                "HABITUS_LOG_FORMAT": "json",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            if not found:
                raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
            yield Server(found[0], process, log)
        finally:
            process.kill()
            process.communicate()


def _write_checkpoints(folder: Path) -> None:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    header = CheckpointHeader("", {}, "nothing", {}, {}, "random weights", "Apache-2.0")
    save_silhouette_checkpoint(folder / SILHOUETTE.checkpoint, network, 64, header)
    body = ROOT / "checkpoints" / BODY.checkpoint
    (folder / BODY.checkpoint).write_bytes(body.read_bytes())


# 20,000 mixed requests.


def _memory(server: Server, num_requests: int) -> None:
    tally, before = Tally(), server.memory_mb
    warm_up = int(WARM_UP * num_requests)
    with tqdm(total=num_requests, desc="mixed requests", unit="request") as bar:
        _mixed(server, range(warm_up), tally, bar)
        warm = server.memory_mb
        _mixed(server, range(warm_up, num_requests), tally, bar)
    growth = server.memory_mb - warm
    print(
        f"memory over {num_requests} mixed requests, growth < {MAX_GROWTH_MB:g} MB after "
        f"{warm_up}, {growth:.1f} MB ({before:.0f} at the start, {warm:.0f} after the warm-up)"
    )
    print(f"statuses of 500 and above but 503 and 504, none, {tally.ungraceful or 'none'}")
    print(f"  all: {tally}")


def _mixed(server: Server, numbers: Sequence[int], tally: Tally, bar: "tqdm[Never]") -> None:
    """Requests of every kind, each determined by its number."""
    waiting, lock = collections.deque(numbers), threading.Lock()

    def client() -> None:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
            while True:
                with lock:
                    if not waiting:
                        return
                    number = waiting.popleft()
                status = _one_of_all(server, http, random.Random(number))
                with lock:
                    tally.statuses[status] += 1
                    bar.update()

    _in_threads([client] * NUM_CLIENTS)


def _one_of_all(server: Server, http: httpx.Client, chance: random.Random) -> int:
    """The status of a request of any kind; 0 for one that hangs up."""
    kind = chance.choices(
        ["photo", "weighted", "broken photo", "mesh", "errors", "nonsense", "look", "hang up"],
        weights=[30, 10, 15, 15, 5, 10, 10, 5],
    )[0]
    if kind in ("photo", "weighted"):
        path = "/confidence" if kind == "photo" else "/confidence/weighted-image"
        types = MAP_TYPES if kind == "photo" else MAP_TYPES[:2]
        head = {"Accept": chance.choice(types)}
        return http.post(path, files={"image": _photo(chance)}, headers=head).status_code
    if kind == "broken photo":
        return http.post("/confidence", files={"image": _broken(chance)}).status_code
    if kind == "mesh":
        head = {"Accept": chance.choice(MESH_TYPES)}
        return http.post("/mesh", json={"betas": _betas(chance)}, headers=head).status_code
    if kind == "errors":
        pair = {"predicted": {"betas": _betas(chance)}, "ground_truth": {"betas": _betas(chance)}}
        return http.post("/mesh/errors", json=pair).status_code
    if kind == "nonsense":
        path = chance.choice(["/mesh", "/mesh/errors", "/confidence", "/nowhere"])
        head = {"Content-Type": chance.choice(["application/json", "multipart/form-data", "a/b"])}
        return http.post(path, content=chance.randbytes(2000), headers=head).status_code
    if kind == "look":
        paths = ["/models", "/health/ready", "/metrics", "/openapi.json", "/nowhere"]
        return http.get(chance.choice(paths)).status_code
    request = _raw_request(http, _photo(chance))
    with server.connect() as connection:
        connection.sendall(request[: chance.randrange(len(request) + 1)])
        _reset(connection)
    return 0


def _photo(chance: random.Random) -> bytes:
    size = chance.randrange(16, 500), chance.randrange(16, 500)
    coarse = np.frombuffer(chance.randbytes(3 * 64), np.uint8).reshape(8, 8, 3)
    buffer = io.BytesIO()
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)
    picture.save(buffer, chance.choice(["JPEG", "JPEG", "PNG", "WEBP", "BMP"]))
    return buffer.getvalue()


def _broken(chance: random.Random) -> bytes:
    """A photo with some bytes changed, or cut."""
    picture = bytearray(_photo(chance))
    for _ in range(chance.randrange(1, 20)):
        picture[chance.randrange(min(len(picture), 600))] = chance.randrange(256)
    return bytes(picture[: chance.randrange(len(picture))] if chance.random() < 0.5 else picture)


def _betas(chance: random.Random) -> list[float]:
    return [chance.gauss(0, 1.5) for _ in range(chance.randrange(1, 12))]


# Clients that say nothing, or too slowly.


def _silent_clients(server: Server, num_silent: int) -> None:
    """Half of them stop in the head, half in the body; meanwhile others ask and are timed."""
    chance, health_s, tally = random.Random(0), list[float](), Tally()
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=60, trust_env=False))
        request = _raw_request(http, _photo(chance))
        slow = [stack.enter_context(server.connect()) for _ in range(num_silent)]
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for number, connection in enumerate(slow):
                with contextlib.suppress(OSError):
                    connection.send(request[:1] if number % 2 else request[: len(request) // 2])
            started = time.perf_counter()
            tally.statuses[http.get("/health/live").status_code] += 1
            health_s.append(time.perf_counter() - started)
            answer = http.post("/confidence", files={"image": _photo(chance)})
            tally.statuses[answer.status_code] += 1
            time.sleep(0.02)
    p99 = float(np.percentile(health_s, 99)) * 1000
    print(
        f"/health/live p99 beside {num_silent} slow clients, < {MAX_HEALTH_P99_MS:g} ms, "
        f"{p99:.1f} ms of {len(health_s)}"
    )
    print(f"  their neighbours' answers: {tally}")


# SIGTERM under load.


def _stop_under_load(server: Server) -> tuple[int, int]:
    """Stop a server that is busy: requests that it took and did not answer, and that it took."""
    picture, answers = _photo(random.Random(1)), dict[str, int]()
    busy = threading.Event()

    def client(name: int) -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as http:
            for number in range(10**6):
                request_id = f"client.{name}.{number}"
                answers[request_id] = 0
                head = {"X-Request-ID": request_id}
                try:
                    answer = http.post("/confidence", files={"image": picture}, headers=head)
                except httpx.HTTPError:
                    return
                answers[request_id] = answer.status_code
                if len(answers) > 200:
                    busy.set()

    def stop() -> None:
        busy.wait(120)
        server.process.send_signal(signal.SIGTERM)

    _in_threads([stop, *(lambda name=name: client(name) for name in range(NUM_CLIENTS))])
    server.process.wait(120)
    # The server's log has a line for each request that it has taken.
    taken = set(re.findall(r'"request_id": ?"(client\.\d+\.\d+)"', server.log.read_text()))
    return sum(answers[request_id] == 0 for request_id in taken), len(taken)


def _raw_request(http: httpx.Client, picture: bytes) -> bytes:
    request = http.build_request("POST", "/confidence", files={"image": picture})
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /confidence HTTP/1.1\r\n{head}\r\n".encode() + request.read()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _in_threads(calls: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
