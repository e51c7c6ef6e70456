"""SIGTERM under load: what was taken is answered."""

import random
import re
import signal
import threading

import httpx

from benchmarks.faults.requests import good_request
from benchmarks.faults.server import Server
from benchmarks.faults.tally import in_threads

NUM_CLIENTS = 8


def stop_under_load(server: Server) -> tuple[int, int]:
    """Stop a server that is busy: requests that it took and did not answer, and that it took."""
    answers = dict[str, int]()
    busy = threading.Event()

    def client(name: int) -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as http:
            for number in range(10**6):
                request_id = f"client.{name}.{number}"
                answers[request_id] = 0
                request = good_request(http, random.Random(request_id))
                request.headers["X-Request-ID"] = request_id
                try:
                    answer = http.send(request)
                except httpx.HTTPError:
                    return
                answers[request_id] = answer.status_code
                if len(answers) > 200:
                    busy.set()

    def stop() -> None:
        busy.wait(120)
        server.process.send_signal(signal.SIGTERM)

    in_threads([stop, *(lambda name=name: client(name) for name in range(NUM_CLIENTS))])
    server.process.wait(120)
    # The server's log has a line for each request that it has taken.
    taken = set(re.findall(r'"request_id": ?"(client\.\d+\.\d+)"', server.log.read_text()))
    return sum(answers[request_id] == 0 for request_id in taken), len(taken)
