"""Clients that say nothing, or too slowly."""

import contextlib
import random
import time

import httpx
import numpy as np

from benchmarks.faults.requests import photo, raw_photo
from benchmarks.faults.server import Server
from benchmarks.faults.tally import Tally

MAX_HEALTH_P99_MS = 50.0


def sit_beside_silent_clients(server: Server, num_silent: int) -> None:
    """Half of them stop in the head, half in the body; meanwhile others ask and are timed."""
    chance, health_s, tally = random.Random(0), list[float](), Tally()
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=60, trust_env=False))
        request = raw_photo(http, chance)
        slow = [stack.enter_context(server.connect()) for _ in range(num_silent)]
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for number, connection in enumerate(slow):
                with contextlib.suppress(OSError):
                    connection.send(request[:1] if number % 2 else request[: len(request) // 2])
            started = time.perf_counter()
            tally.statuses[http.get("/health/live").status_code] += 1
            health_s.append(time.perf_counter() - started)
            answer = http.post("/confidence", files={"image": photo(chance)})
            tally.statuses[answer.status_code] += 1
            time.sleep(0.02)
    p99 = float(np.percentile(health_s, 99)) * 1000
    print(
        f"/health/live p99 beside {num_silent} slow clients, < {MAX_HEALTH_P99_MS:g} ms, "
        f"{p99:.1f} ms of {len(health_s)}"
    )
    print(f"  their neighbours' answers: {tally}")
