import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from benchmarks.serving import generator, pictures
from benchmarks.serving.load import Load
from benchmarks.serving.report import bars
from benchmarks.serving.servers import KINDS
from benchmarks.serving.work import PICTURES, WORK

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ask(tmp_path: Path, answer: Answer, **options: Any) -> dict[str, Any]:
    """What the generator says of a server."""
    [body] = pictures.json_bodies(b'{"number": 1}', tmp_path).files

    async def both() -> dict[str, Any]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            load = Load(
                port=server.sockets[0].getsockname()[1],
                path="/",
                content_type="application/json",
                bodies=(str(body),),
                warm_up_s=0,
                **options,
            )
            found = await generator.run(load)
            await asyncio.sleep(0.1)  # the server's side of the connections ends too
            return found

    return uvloop.run(both())


def server_that_takes(seconds: float, statuses: list[bytes]) -> Answer:
    """One request at a time, whatever the number of connections; the statuses in turn."""
    lock = asyncio.Lock()
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        # The generator hangs up when its time is over.
        with contextlib.closing(writer), contextlib.suppress(EOFError, ConnectionError):
            while head := await reader.readline():
                assert head == b"POST / HTTP/1.1\r\n"
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(13) == b'{"number": 1}'
                async with lock:
                    await asyncio.sleep(seconds)
                status = statuses[count % len(statuses)]
                count += 1
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")

    return answer


def test_a_closed_loop_counts_answers_by_status(tmp_path: Path) -> None:
    statuses = [b"200 OK", b"200 OK", b"503 Busy"]
    found = ask(tmp_path, server_that_takes(0.005, statuses), seconds=0.6, connections=2)
    good, busy = found["answers"]["200"], found["answers"]["503"]
    assert abs(good - 2 * busy) <= 3
    assert found["latency_ms"]["503"]["count"] == busy
    # One at a time and two clients: each waits for the other's request too.
    assert found["latency_ms"]["200"]["p50"] >= 8


def test_an_open_loop_does_not_wait_for_a_slow_server(tmp_path: Path) -> None:
    """40 a second for a second are offered to a server of 10 a second."""
    answer = server_that_takes(0.1, [b"200 OK"])
    found = ask(tmp_path, answer, seconds=1.0, rate=40, connections=1)
    asked = sum(found["answers"].values()) + found["unanswered"]
    assert 20 <= asked <= 65
    # With one connection the last of them waited for all before it; the clock ran all the while.
    assert found["latency_ms"]["200"]["max"] > 1000
    assert found["good_per_s"] <= 11


def test_a_server_that_hangs_up_is_counted(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    found = ask(tmp_path, hang_up, seconds=0.2, connections=2)
    assert set(found["answers"]) == {"0"}
    assert found["good_per_s"] == 0


def test_pictures_are_jpegs_of_several_sizes() -> None:
    assert len(pictures.photos()) == len(pictures.SIZES)
    assert all(photo.startswith(b"\xff\xd8\xff") for photo in pictures.photos())


def test_every_server_has_a_path_for_every_work() -> None:
    assert set(PICTURES) < set(WORK)
    assert {name: set(kind.paths) for name, kind in KINDS.items()} == {
        name: set(WORK) for name in KINDS
    }


def entry(good: float, p50: float, **more: Any) -> dict[str, Any]:
    return {"good_per_s": good, "latency_ms": {"200": {"p50": p50}}, **more}


@pytest.mark.parametrize(("theirs", "met"), [(600, True), (700, False)])
def test_bars_compare_what_was_measured_with_what_is_asked(theirs: float, met: bool) -> None:
    ours = {"one_client": entry(900, 0.4), "saturated": entry(1000, 9)}
    peer = {"one_client": entry(500, 1.0), "saturated": entry(theirs, 30)}
    overload = entry(
        9.5,
        100,
        answers={"200": 10, "503": 12},
        unanswered=0,
        health_ms={"p99": 4.0},
    )
    overload["latency_ms"]["503"] = {"p50": 2.0, "p99": 11.0, "count": 12}
    photos = {"saturated": [entry(9.0, 800)], "steps": [entry(10.0, 90)], "overload": overload}
    results: dict[str, Any] = {
        "bare_loop": {"per_s": 10.0},
        "bare_openvino": {"per_s": 12.0},
        "servers": {"habitus": {"no-op": [ours], "photos": photos}, "litserve": {"no-op": [peer]}},
    }
    found = [(bar.bar, bar.measured.partition(" ")[0], bar.met) for bar in bars(results)]
    assert found == [
        ("1 throughput at saturation / bare loop", "0.90", True),
        ("1 throughput at saturation / OpenVINO alone", "0.75", False),
        ("2 no-op throughput / litserve's", f"{1000 / theirs:.2f}", met),
        ("2 no-op p50 at one client / litserve's", "0.40", True),
        ("3 goodput at twice capacity / peak", "0.95", True),
        ("3 answers besides 200 and 503, and unanswered", "none,", True),
        ("3 /health/live p99", "4.0", True),
        ("3 rejections, p50 and p99", "2.0", False),
    ]
    results["bare_openvino"]["per_s"] = None
    assert sum(bar.bar[0] == "1" for bar in bars(results)) == 1, "OpenVINO may be missing"
    results["bare_loop"]["per_s"] = None
    del results["servers"]["habitus"]["photos"]
    assert [bar.bar[0] for bar in bars(results)] == ["2", "2"], "what was left out is not judged"
