"""Log lines: one format for the whole process, and one write for all lines of a moment.

A line about a request costs a few microseconds; a write costs more. Lines that come while an event
loop runs are written together `TOGETHER_S` after the first, unless one of them is a warning.

A full disk is no reason to stop answering: what cannot be written is counted and let go.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, Protocol

log_fields: ContextVar[Mapping[str, str]] = ContextVar("habitus_log_fields")
"""What every line says that is written in this context: of a request, its names."""
_NO_FIELDS: Mapping[str, str] = {}
TOGETHER_S = 0.02
"""How long a line waits for others."""
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_WORD = re.compile("[!#-<>-~]+")
"""ASCII that is printed, without spaces, quotes and equals signs."""
_to_json = json.JSONEncoder(default=str).encode
"""Unlike orjson, this can repeat what clients send that is no Unicode."""


def configure_logging(log_format: str) -> None:
    """Send every log line of the process, uvicorn's too, to stderr in one format.

    Args:
        log_format: `text` for people, `json` for machines.
    """
    handler: logging.Handler = logging.NullHandler()
    if sys.stderr is not None:  # as it is where the process was started without
        # Below Python's buffer, which keeps what cannot be written and does not say how much of it.
        handler = TogetherHandler(getattr(sys.stderr.buffer, "raw", sys.stderr.buffer))
    handler.setFormatter(FieldsFormatter(_to_json if log_format == "json" else _to_text))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # No line says which thread or process it came from.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class FieldsFormatter(logging.Formatter):
    """A record as named values: when, what, how bad, from where, and what was given with it."""

    def __init__(self, render: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """One line, but for exceptions as text."""
        fields = {
            "timestamp": _when(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **log_fields.get(_NO_FIELDS),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._render(fields)


class ByteStream(Protocol):
    """Where lines go."""

    def write(self, data: bytes, /) -> int | None:
        """Take the data, or as much of it as there is room for.

        Returns:
            How many bytes were taken; None for none at the moment.

        Raises:
            OSError: There is no room, or nobody to read it.
        """


class TogetherHandler(logging.Handler):
    """Writes the lines of a moment of an event loop with one call; a warning at once.

    Lines for which there is no room are lost. Once there is, one line says how many they were.
    """

    def __init__(self, stream: ByteStream) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[bytes] = []
        self._cut = b""
        """The end of a line whose beginning is written."""
        self._num_lost = 0
        """Lines that were lost and that no line has told of."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line for the end of the moment, or write it."""
        try:
            self._lines.append(self._encoded(record))
            loop = asyncio._get_running_loop()
            if loop is None or record.levelno >= logging.WARNING:
                self.flush()
            elif len(self._lines) == 1:
                loop.call_later(TOGETHER_S, self.flush)
        except Exception:  # noqa: BLE001  (as every handler of the standard library)
            self.handleError(record)

    def flush(self) -> None:
        """Write what is kept; afterwards nothing is but the end of a line and a number."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            loss = [self._loss()] if self._num_lost else []
            if loss or lines or self._cut:
                num_lost = self._write([*loss, *lines])
                is_told = num_lost <= len(lines)
                self._num_lost = num_lost if is_told else self._num_lost + len(lines)
        finally:
            self.release()

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _loss(self) -> bytes:
        """The line that says what was lost."""
        record = logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, "log lines were lost", None, None
        )
        record.num_lost = self._num_lost
        return Context().run(self._encoded, record)  # it is about no request

    def _write(self, lines: Sequence[bytes]) -> int:
        """Write as much as there is room for; a line that is begun is ended the next time.

        Returns:
            How many of the lines are lost.
        """
        data = b"".join([self._cut, *lines])
        num_written = _write_some(self._stream, data)
        ends = [*accumulate(map(len, lines), initial=len(self._cut))]
        begun = bisect_left(ends, num_written)
        self._cut = data[num_written : ends[begun]]
        return len(lines) - begun


def give_up_unwritten() -> None:
    """Let the process end with its own exit code where what it has printed cannot be written.

    Python flushes the standard streams at its end, and exits with 120 where that fails.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write_some(stream: ByteStream, data: bytes) -> int:
    """Write until all is written or there is no room.

    Returns:
        How many bytes were.
    """
    num_written = 0
    with contextlib.suppress(OSError):
        while num_written < len(data) and (count := stream.write(data[num_written:])):
            num_written += count
    return num_written


def _when(seconds: float) -> str:
    whole, rest = divmod(seconds, 1)
    return f"{_second(whole)}.{int(rest * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: float) -> str:
    """The same for all lines of a second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


def _to_text(fields: dict[str, Any]) -> str:
    when, level, event, source, *rest = fields.items()
    line = f"{when[1]} [{level[1]:<8}] {event[1]:<30} [{source[1]}]"
    exception = fields.get("exception")
    named = "".join(f" {name}={_plain(value)}" for name, value in rest if name != "exception")
    return line + named + (f"\n{exception}" if exception else "")


def _plain(value: object) -> str:
    """As it is where it is a word; otherwise such that it cannot pass for another value."""
    text = str(value)
    return text if isinstance(value, int | float) or _WORD.fullmatch(text) else _to_json(text)
