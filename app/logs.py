"""Log lines: one format for the whole process, and one write for all lines of a moment.

A line about a request costs a few microseconds; a write costs more. Lines that come while an event
loop runs are written together `TOGETHER_S` after the first, unless one of them is a warning.
"""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

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
    handler = TogetherHandler(sys.stderr)
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


class TogetherHandler(logging.Handler):
    """Writes the lines of a moment of an event loop with one call; a warning at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line for the end of the moment, or write it."""
        try:
            self._lines.append(self.format(record))
            loop = asyncio._get_running_loop()
            if loop is None or record.levelno >= logging.WARNING:
                self.flush()
            elif len(self._lines) == 1:
                loop.call_later(TOGETHER_S, self.flush)
        except Exception:  # noqa: BLE001  (as every handler of the standard library)
            self.handleError(record)

    def flush(self) -> None:
        """Write what is kept."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                self._stream.write("\n".join([*lines, ""]))
                self._stream.flush()
        finally:
            self.release()


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
