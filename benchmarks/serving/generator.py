"""The load generator, a process of its own: python -m benchmarks.serving.generator < load.json.

Open loop: requests are due at the times of a Poisson process, whatever the server does, and their
latency counts from when they were due. A slow server therefore cannot slow its own questioner down
and look better for it (coordinated omission). Closed loop: each client sends its next request when
it has its answer. Request bytes are made before the clock starts.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from benchmarks.serving.clients import Clients, request_bytes
from benchmarks.serving.load import Load
from benchmarks.serving.outcome import Answer, Outcome, percentiles, summarise

HEALTH_EVERY_S = 0.05
_now = time.perf_counter
"""Not the loop's clock: uvloop's counts whole milliseconds."""


async def closed_loop(load: Load, requests: Sequence[bytes], until: float) -> Outcome:
    """Each client asks again as soon as it has its answer."""
    clients, outcome = Clients(load.port, load.connections), Outcome()
    await clients.open(load.connections)

    async def one_client(first: int) -> None:
        number = first
        while (started := _now()) < until:
            status = await clients.ask(requests[number % len(requests)])
            outcome.answers.append(Answer(started, _now(), status))
            number += load.connections
            if status == 0:
                await asyncio.sleep(0.01)  # a server that is gone is not asked in a hot loop

    tasks = [asyncio.create_task(one_client(first)) for first in range(load.connections)]
    await asyncio.wait(tasks, timeout=until - _now() + load.drain_s)
    for task in tasks:
        task.cancel()
    clients.close()
    return outcome


async def open_loop(load: Load, requests: Sequence[bytes], until: float) -> Outcome:
    """Requests when they are due, whatever became of the earlier ones."""
    assert load.rate is not None
    clients, outcome = Clients(load.port, load.connections), Outcome()
    await clients.open(min(32, load.connections))
    waiting: dict[asyncio.Task[None], float] = {}
    chance = random.Random(load.seed)

    async def one_request(due: float, request: bytes) -> None:
        status = await clients.ask(request)
        outcome.answers.append(Answer(due, _now(), status))

    due, number = _now(), 0
    while (due := due + chance.expovariate(load.rate)) < until:
        await asyncio.sleep(max(0.0, due - _now()))
        outcome.lags.append(_now() - due)
        task = asyncio.create_task(one_request(due, requests[number % len(requests)]))
        waiting[task] = due
        task.add_done_callback(waiting.pop)
        number += 1
    if waiting:
        await asyncio.wait(list(waiting), timeout=load.drain_s)
    outcome.unanswered = list(waiting.values())
    for task in list(waiting):
        task.cancel()
    clients.close()
    return outcome


async def watch_health(load: Load, until: float) -> list[Answer]:
    """GET the health path at fixed times; latency counts from these."""
    assert load.health is not None
    clients = Clients(load.port, 64)
    request = request_bytes("GET", load.health, load.port)
    answers: list[Answer] = []

    async def one_request(due: float) -> None:
        answers.append(Answer(due, _now() if await clients.ask(request) == 200 else np.inf, 200))

    tasks, due = [], _now()
    while (due := due + HEALTH_EVERY_S) < until:
        await asyncio.sleep(max(0.0, due - _now()))
        tasks.append(asyncio.create_task(one_request(due)))
    if tasks:
        await asyncio.wait(tasks, timeout=load.drain_s)
    clients.close()
    return answers


async def run(load: Load) -> dict[str, Any]:
    """Ask for as long as the load says, and sum up what came of it after the warm-up."""
    requests = [
        request_bytes("POST", load.path, load.port, Path(body).read_bytes(), load.content_type)
        for body in load.bodies
    ]
    random.Random(load.seed).shuffle(requests)
    started = _now() + load.warm_up_s
    until = started + load.seconds
    watch = asyncio.create_task(watch_health(load, until)) if load.health else None
    cpu = time.process_time()
    ask = closed_loop if load.rate is None else open_loop
    outcome = await ask(load, requests, until)
    cpu = time.process_time() - cpu
    wall = _now() - started + load.warm_up_s
    summary = summarise(load, outcome, started, until)
    summary["generator_cpu_share"] = round(cpu / wall, 3)
    if watch is not None:
        summary["health_ms"] = percentiles([a.done - a.due for a in await watch if a.due > started])
    return summary


def main() -> None:
    """Read a load from standard input, put it on, write what came of it to standard output."""
    document = json.load(sys.stdin)
    load = Load(**{**document, "bodies": tuple(document["bodies"])})
    json.dump(uvloop.run(run(load)), sys.stdout)


if __name__ == "__main__":
    main()
