"""What many mixed requests leave behind in the server's memory."""

import collections
import random
import threading
from collections.abc import Sequence
from typing import Never

import httpx
from tqdm import tqdm

from benchmarks.faults.requests import one_of_all
from benchmarks.faults.server import Server
from benchmarks.faults.tally import Tally, in_threads

MAX_GROWTH_MB = 50.0
NUM_CLIENTS = 8
WARM_UP = 0.1
"""Of the requests, before memory is measured for the first time."""


def watch_memory(server: Server, num_requests: int) -> None:
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
                status = one_of_all(server, http, random.Random(number))
                with lock:
                    tally.statuses[status] += 1
                    bar.update()

    in_threads([client] * NUM_CLIENTS)
