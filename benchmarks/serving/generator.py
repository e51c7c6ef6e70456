"""The load generator, a process of its own: python -m benchmarks.serving.generator < load.json.

Open loop: requests are due at the times of a Poisson process, whatever the server does, and their
latency counts from when they were due. A slow server therefore cannot slow its own questioner down
and look better for it (coordinated omission). Closed loop: each client sends its next request when
it has its answer. Both speak HTTP/1.1 over connections that stay open. Request bytes are made
before the clock starts and answers are parsed in C, so that the generator takes little of the CPU.
"""

import asyncio
import dataclasses
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httptools
import numpy as np
import uvloop

HEALTH_EVERY_S = 0.05


@dataclass(frozen=True)
class Load:
    """What to send, how fast, and for how long."""

    port: int
    path: str
    content_type: str
    bodies: tuple[str, ...]
    """Files, each the body of a request; sent in turn."""
    seconds: float
    warm_up_s: float = 1.0
    drain_s: float = 4.0
    """How long the last requests may still be answered."""
    rate: float | None = None
    """Requests a second, open loop. None: closed loop."""
    connections: int = 1
    """The clients of a closed loop; the most connections of an open one."""
    health: str | None = None
    """A path to ask for all the while, 20 times a second, on a connection of its own."""
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What came of a request. Times in seconds of the loop's clock."""

    due: float
    done: float
    status: int
    """0: the connection broke."""


@dataclass
class Outcome:
    """All answers, and requests that had none at the end."""

    answers: list[Answer] = field(default_factory=list)
    unanswered: list[float] = field(default_factory=list)
    """When each was due."""
    lags: list[float] = field(default_factory=list)
    """How late each request was sent."""


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[int] | None = None
        self.keeps_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Whoever waits has no answer."""
        self.keeps_alive = False
        self._settle(0)

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """The whole answer is here (called by the parser)."""
        self.keeps_alive = self.keeps_alive and self.parser.should_keep_alive()
        self._settle(self.parser.get_status_code())

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future is the status of its answer, 0 when the connection breaks."""
        assert self.transport is not None
        self.parser = httptools.HttpResponseParser(self)
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiter

    def close(self) -> None:
        """Hang up."""
        self.keeps_alive = False
        if self.transport is not None:
            self.transport.abort()

    def _settle(self, status: int) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(status)


class Clients:
    """Connections to one server, opened when they are needed and used again."""

    def __init__(self, port: int, limit: int) -> None:
        self.port = port
        self.idle: deque[Connection] = deque()
        self.all: set[Connection] = set()
        self.free = asyncio.Semaphore(limit)

    async def ask(self, request: bytes) -> int:
        """The status of the answer; waits while as many requests as allowed are under way."""
        async with self.free:
            try:
                connection = await self._take()
            except OSError:
                return 0
            try:
                return await connection.ask(request)
            finally:
                if connection.keeps_alive and connection.waiter and connection.waiter.done():
                    self.idle.append(connection)
                else:
                    connection.close()
                    self.all.discard(connection)

    async def open(self, count: int) -> None:
        """Open connections before they are needed."""
        for _ in range(count):
            self.idle.append(await self._connect())

    def close(self) -> None:
        """Hang up all."""
        for connection in self.all:
            connection.close()

    async def _take(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.keeps_alive:
                return connection
            self.all.discard(connection)
        return await self._connect()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        self.all.add(connection)
        return connection


async def closed_loop(load: Load, requests: Sequence[bytes], until: float) -> Outcome:
    """Each client asks again as soon as it has its answer."""
    clients, outcome, now = Clients(load.port, load.connections), Outcome(), _clock()
    await clients.open(load.connections)

    async def one_client(first: int) -> None:
        number = first
        while (started := now()) < until:
            status = await clients.ask(requests[number % len(requests)])
            outcome.answers.append(Answer(started, now(), status))
            number += load.connections
            if status == 0:
                await asyncio.sleep(0.01)  # a server that is gone is not asked in a hot loop

    tasks = [asyncio.create_task(one_client(first)) for first in range(load.connections)]
    await asyncio.wait(tasks, timeout=until - now() + load.drain_s)
    for task in tasks:
        task.cancel()
    clients.close()
    return outcome


async def open_loop(load: Load, requests: Sequence[bytes], until: float) -> Outcome:
    """Requests when they are due, whatever became of the earlier ones."""
    assert load.rate is not None
    clients, outcome, now = Clients(load.port, load.connections), Outcome(), _clock()
    await clients.open(min(32, load.connections))
    waiting: dict[asyncio.Task[None], float] = {}
    chance = random.Random(load.seed)

    async def one_request(due: float, request: bytes) -> None:
        status = await clients.ask(request)
        outcome.answers.append(Answer(due, now(), status))

    due, number = now(), 0
    while (due := due + chance.expovariate(load.rate)) < until:
        await asyncio.sleep(max(0.0, due - now()))
        outcome.lags.append(now() - due)
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
    clients, now = Clients(load.port, 64), _clock()
    request = request_bytes("GET", load.health, load.port)
    answers: list[Answer] = []

    async def one_request(due: float) -> None:
        answers.append(Answer(due, now() if await clients.ask(request) == 200 else np.inf, 200))

    tasks, due = [], now()
    while (due := due + HEALTH_EVERY_S) < until:
        await asyncio.sleep(max(0.0, due - now()))
        tasks.append(asyncio.create_task(one_request(due)))
    if tasks:
        await asyncio.wait(tasks, timeout=load.drain_s)
    clients.close()
    return answers


def request_bytes(
    method: str, path: str, port: int, body: bytes = b"", content_type: str | None = None
) -> bytes:
    """A whole HTTP/1.1 request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if content_type is not None:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def run(load: Load) -> dict[str, Any]:
    """Ask for as long as the load says, and sum up what came of it after the warm-up."""
    requests = [
        request_bytes("POST", load.path, load.port, Path(body).read_bytes(), load.content_type)
        for body in load.bodies
    ]
    random.Random(load.seed).shuffle(requests)
    started = _clock()() + load.warm_up_s
    until = started + load.seconds
    watch = asyncio.create_task(watch_health(load, until)) if load.health else None
    cpu = time.process_time()
    ask = closed_loop if load.rate is None else open_loop
    outcome = await ask(load, requests, until)
    cpu = time.process_time() - cpu
    wall = _clock()() - started + load.warm_up_s
    summary = _summarise(load, outcome, started, until)
    summary["generator_cpu_share"] = round(cpu / wall, 3)
    if watch is not None:
        summary["health_ms"] = percentiles([a.done - a.due for a in await watch if a.due > started])
    return summary


def percentiles(seconds: Sequence[float]) -> dict[str, float] | None:
    """p50, p95, p99 and the largest, in milliseconds, and of how many."""
    if not seconds:
        return None
    values = np.percentile(np.asarray(seconds), [50, 95, 99, 100], method="higher") * 1000
    names = ("p50", "p95", "p99", "max")
    return {
        **{name: round(float(v), 3) for name, v in zip(names, values, strict=True)},
        "count": len(seconds),
    }


def _summarise(load: Load, outcome: Outcome, started: float, until: float) -> dict[str, Any]:
    """Throughput: answers of status 200 that came inside the window. Latency: of those due in it.

    Requests without an answer count with the time that they had waited when the run ended, so that
    a server is not the better for what it never answers.
    """
    inside = [a for a in outcome.answers if started <= a.done < until]
    due = [a for a in outcome.answers if started <= a.due < until]
    given_up = [until + load.drain_s - asked for asked in outcome.unanswered if asked >= started]
    by_status = Counter(str(a.status) for a in due)
    latencies = {
        status: [a.done - a.due for a in due if str(a.status) == status] for status in by_status
    }
    if given_up:
        latencies["200"] = latencies.get("200", []) + given_up
    return {
        "offered_per_s": load.rate,
        "connections": load.connections,
        "seconds": load.seconds,
        "good_per_s": round(sum(a.status == 200 for a in inside) / load.seconds, 3),
        "answers": dict(by_status),
        "all_answers": dict(Counter(str(a.status) for a in outcome.answers)),
        "unanswered": len(given_up),
        "latency_ms": {status: percentiles(values) for status, values in latencies.items()},
        "send_lag_ms": percentiles(outcome.lags),
    }


def _clock() -> Any:
    return asyncio.get_running_loop().time


def main() -> None:
    """Read a load from standard input, put it on, write what came of it to standard output."""
    document = json.load(sys.stdin)
    load = Load(**{**document, "bodies": tuple(document["bodies"])})
    json.dump(uvloop.run(run(load)), sys.stdout)


def as_json(load: Load) -> str:
    """What `main` reads."""
    return json.dumps(dataclasses.asdict(load))


if __name__ == "__main__":
    main()
