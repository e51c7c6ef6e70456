import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import TextIO, cast

import pytest

from app.telemetry.logging import LogWriter, configure_logging, log_fields

LOG = logging.getLogger("tests.logs")


@pytest.fixture(autouse=True)
def _settings_of_logging() -> Iterator[None]:
    """As they were, afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
    logging.raiseExceptions = True


def written(writer: LogWriter | None, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert writer is not None
    assert writer.stop()
    return capsys.readouterr().err.splitlines()


def test_a_line_of_text_has_its_values_and_none_passes_for_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    writer = configure_logging("text")
    forged = 'a b" status=200\n2026'
    LOG.info("asked", extra={"size": 3, "name_of_it": forged})
    [line] = written(writer, capsys)
    assert line.endswith(f"[tests.logs] size=3 name_of_it={json.dumps(forged)}")
    assert "[info    ] asked " in line


def test_a_line_of_json_has_its_values_and_its_exception(
    capsys: pytest.CaptureFixture[str],
) -> None:
    writer = configure_logging("json")
    LOG.warning("a %s", "message", extra={"request_id": "x"})
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it failed")
    first, second = map(json.loads, written(writer, capsys))
    assert first["event"] == "a message"
    assert (first["level"], first["logger"], first["request_id"]) == ("warning", "tests.logs", "x")
    assert first["timestamp"].endswith("Z")
    assert "ValueError: boom" in second["exception"]


def test_an_exception_follows_its_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    writer = configure_logging("text")
    try:
        raise ValueError("boom")
    except ValueError:
        LOG.exception("it failed")
    lines = written(writer, capsys)
    assert "it failed" in lines[0]
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: boom"


def test_every_line_in_a_request_names_it_even_where_what_it_says_is_no_unicode(
    capsys: pytest.CaptureFixture[str],
) -> None:
    writer = configure_logging("json")
    token = log_fields.set({"request_id": "r-1"})
    LOG.info("a %s", "\udc80")
    log_fields.reset(token)
    LOG.info("later")
    inside, outside = map(json.loads, written(writer, capsys))
    assert (inside["request_id"], inside["event"]) == ("r-1", "a \udc80")
    assert "request_id" not in outside


def test_a_process_that_was_started_without_stderr_logs_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert configure_logging("text") is None
    LOG.warning("unheard")


@pytest.fixture
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    """Reading and writing end; nobody reads yet."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w", buffering=1) as writer:
        yield reader, writer


def say(writer: LogWriter, text: str) -> None:
    writer.handler.handle(logging.makeLogRecord({"msg": text}))


def fill(writer: LogWriter) -> int:
    """Lines until pipe and queue are full."""
    num_said = 0
    while writer.handler.num_dropped < 20:
        say(writer, f"line {num_said} " + "." * 1000)
        num_said += 1
        time.sleep(0.001)  # for the thread to write it
    return num_said


def wait_until_written(writer: LogWriter) -> None:
    while not cast("queue.Queue[object]", writer.handler.queue).empty():
        time.sleep(0.01)


def test_a_pipe_that_nobody_reads_holds_up_nobody_and_lines_that_are_lost_are_counted(
    pipe: tuple[TextIO, TextIO],
) -> None:
    reader, stream = pipe
    writer = LogWriter("text", stream, max_waiting=10)
    num_said = fill(writer)
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(reader))
    reading.start()
    wait_until_written(writer)
    say(writer, "last")
    assert writer.stop(timeout_s=30)
    stream.close()
    reading.join()
    *there, told, last = lines
    assert all("] line " in line for line in there)
    assert told.endswith(f"num_dropped={num_said - len(there)}\n")
    assert "last" in last


def test_the_end_does_not_wait_for_a_pipe_that_nobody_reads(pipe: tuple[TextIO, TextIO]) -> None:
    reader, stream = pipe
    writer = LogWriter("text", stream, max_waiting=10)
    fill(writer)
    assert not writer.stop(timeout_s=0.1)
    threading.Thread(target=reader.read).start()
    wait_until_written(writer)


def test_a_stream_that_fails_is_no_reason_to_fail(pipe: tuple[TextIO, TextIO]) -> None:
    logging.raiseExceptions = False
    reader, stream = pipe
    reader.close()
    writer = LogWriter("text", stream)
    say(writer, "lost")
    assert writer.stop()
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
