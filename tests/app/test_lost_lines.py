"""Log lines without room: none is there in part or twice, and each that is missing is counted.

With real files that may not grow and real pipes that nobody reads; how a whole server fares on a
full disk is in test_command.py.
"""

import asyncio
import contextlib
import logging
import os
import random
import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logs import ByteStream, FieldsFormatter, TogetherHandler, log_fields


class Disk:
    """A file of which a test says how much more there is room for.

    The limit holds for the whole process, so it is there for the time of a write alone: pytest too
    writes to files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._limit: int | None = None

    def leave(self, num_bytes: int) -> None:
        self._limit = self.path.stat().st_size + num_bytes

    def clear(self) -> None:
        self._limit = None

    def write(self, data: bytes, /) -> int | None:
        if self._limit is None:
            return self._file.write(data)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._limit, before[1]))
        try:
            return self._file.write(data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with contextlib.closing(Disk(tmp_path / "log")) as disk:
        yield disk


@pytest.fixture
def handler(disk: Disk) -> TogetherHandler:
    """Writes to the disk."""
    return handler_to(disk)


def handler_to(stream: ByteStream) -> TogetherHandler:
    """Its lines are events, and beside them only what is told here."""

    def render(fields: dict[str, object]) -> str:
        told = ("event", "num_lost", "request_id")
        return " ".join(str(fields[name]) for name in told if name in fields)

    handler = TogetherHandler(stream)
    handler.setFormatter(FieldsFormatter(render))
    return handler


def say(handler: TogetherHandler, line: str, level: int = logging.INFO) -> None:
    handler.handle(logging.makeLogRecord({"msg": line, "levelno": level}))


def test_lines_without_room_are_lost_and_once_there_is_room_one_line_says_how_many(
    disk: Disk, handler: TogetherHandler
) -> None:
    say(handler, "first")
    disk.leave(4)
    for _ in range(10):
        say(handler, "second")
    assert disk.path.read_text() == "first\nseco"
    disk.clear()
    token = log_fields.set({"request_id": "r-1"})
    say(handler, "third")
    log_fields.reset(token)
    say(handler, "fourth")
    assert disk.path.read_text().splitlines() == [
        "first",
        "second",  # it was cut, and is whole after all
        "log lines were lost 9",  # of no request
        "third r-1",
        "fourth",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_wherever_the_disk_is_full_each_line_is_there_once_and_whole_or_counted(
    disk: Disk, handler: TogetherHandler, seed: int
) -> None:
    generator = random.Random(seed)
    sent = []
    for number in range(200):
        if generator.random() < 0.2:
            disk.leave(generator.choice([0, 1, 7, 8, 30, 200]))
        sent.append(f"line {number:03d}" + "." * generator.randrange(20))
        say(handler, sent[-1])
    disk.clear()
    say(handler, "last")
    written = disk.path.read_text().splitlines()
    there = [line for line in written if line.startswith("line")]
    told = [int(line.split()[-1]) for line in written if line.startswith("log lines were lost ")]
    assert len(written) == len(there) + len(told) + 1
    assert there == [line for line in sent if line in there]
    assert told
    assert len(there) + sum(told) == len(sent)


def test_lines_that_cannot_be_written_take_no_memory(disk: Disk, handler: TogetherHandler) -> None:
    disk.leave(10)
    tracemalloc.start()
    try:
        for _ in range(500):
            say(handler, "." * 10_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000


def test_a_loop_goes_on_under_lines_that_cannot_be_written(
    disk: Disk, handler: TogetherHandler
) -> None:
    failures = []

    async def turn() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context))
        disk.leave(0)
        for _ in range(3):
            say(handler, "lost")
            say(handler, "lost")
            await asyncio.sleep(0.03)
        say(handler, "lost", logging.WARNING)
        disk.clear()
        say(handler, "there")
        while not disk.path.read_bytes():
            await asyncio.sleep(0.005)

    asyncio.run(turn())
    assert disk.path.read_text() == "log lines were lost 7\nthere\n"
    assert not failures


def test_what_was_lost_is_told_at_the_end_if_no_line_came_to_tell_it(
    disk: Disk, handler: TogetherHandler
) -> None:
    disk.leave(0)
    say(handler, "lost")
    disk.clear()
    handler.flush()  # as the standard library does when the process ends
    handler.flush()
    assert disk.path.read_text() == "log lines were lost 1\n"


def test_a_pipe_that_does_not_wait_for_its_reader_loses_lines() -> None:
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading, "rb") as reader:
        handler = handler_to(pipe)
        for _ in range(300):
            say(handler, "." * 999)
        written = reader.read()
        say(handler, "later")
        *there, told, later = (written + reader.read()).decode().splitlines()
    assert set(there) == {"." * 999}
    assert told == f"log lines were lost {300 - len(there)}"
    assert later == "later"


def test_a_pipe_without_a_reader_is_no_reason_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        say(handler_to(pipe), "lost", logging.ERROR)
    # Where a handler fails, logging prints how, and goes on.
    assert capsys.readouterr().err == ""
