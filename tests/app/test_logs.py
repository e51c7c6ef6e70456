import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from app.logs import FieldsFormatter, TogetherHandler, configure_logging, log_fields


class Writes:
    """Remembers what each call wrote."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def write(self, data: bytes) -> int:
        self.calls.append(data.decode())
        return len(data)


@pytest.fixture
def writes() -> Writes:
    return Writes()


@pytest.fixture
def log(writes: Writes) -> Iterator[logging.Logger]:
    """A logger of its own, whose lines are events alone."""
    logger = logging.getLogger("tests.logs")
    handler = TogetherHandler(writes)
    handler.setFormatter(FieldsFormatter(lambda fields: str(fields["event"])))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


def test_lines_of_a_moment_of_the_loop_are_written_together(
    log: logging.Logger, writes: Writes
) -> None:
    async def turn() -> list[str]:
        for number in range(3):
            log.info("line %d", number)
        before = list(writes.calls)
        while not writes.calls:
            await asyncio.sleep(0.005)
        return before

    assert asyncio.run(turn()) == []
    assert writes.calls == ["line 0\nline 1\nline 2\n"]


def test_a_warning_is_written_at_once_behind_what_came_before(
    log: logging.Logger, writes: Writes
) -> None:
    async def turn() -> list[str]:
        log.info("first")
        log.warning("second")
        return list(writes.calls)

    assert asyncio.run(turn()) == ["first\nsecond\n"]
    assert len(writes.calls) == 1


def test_without_a_loop_each_line_is_written_at_once(log: logging.Logger, writes: Writes) -> None:
    log.info("first")
    log.info("second")
    assert writes.calls == ["first\n", "second\n"]


def test_a_line_of_a_loop_that_has_ended_is_written_with_the_next(
    log: logging.Logger, writes: Writes
) -> None:
    async def last() -> None:
        asyncio.get_running_loop().stop()
        log.info("first")

    loop = asyncio.new_event_loop()
    task = loop.create_task(last())
    loop.run_forever()
    loop.close()
    assert task.done()
    log.info("second")
    assert "".join(writes.calls) == "first\nsecond\n"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """As it was, afterwards."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logging.captureWarnings(False)
    logger.handlers[:], logger.level = handlers, level
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True


@pytest.mark.usefixtures("root")
def test_a_line_of_text_has_its_values_and_none_passes_for_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("text")
    forged = 'a b" status=200\n2026'
    logging.getLogger("somewhere").info("asked", extra={"size": 3, "name_of_it": forged})
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.endswith(f"[somewhere] size=3 name_of_it={json.dumps(forged)}\n")
    assert "[info    ] asked " in line


@pytest.mark.usefixtures("root")
def test_an_exception_follows_its_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("somewhere").exception("it failed")
    lines = capsys.readouterr().err.splitlines()
    assert "it failed" in lines[0]
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: boom"


@pytest.mark.usefixtures("root")
def test_every_line_in_a_request_names_it_even_where_what_it_says_is_no_unicode(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json")
    token = log_fields.set({"request_id": "r-1"})
    logging.getLogger("somewhere").info("a %s", "\udc80")
    log_fields.reset(token)
    logging.getLogger("somewhere").info("later")
    inside, outside = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (inside["request_id"], inside["event"]) == ("r-1", "a \udc80")
    assert "request_id" not in outside


@pytest.mark.usefixtures("root")
def test_a_process_that_was_started_without_stderr_logs_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    configure_logging("text")
    logging.getLogger("somewhere").warning("unheard")
