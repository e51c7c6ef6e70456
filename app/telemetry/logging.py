"""Log lines: one format for the whole process, written by a thread of their own.

A disk that is full or a pipe that nobody reads does not hold up requests. Lines for which there is
no room are dropped.
"""

import json
import logging
import queue
import re
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

log_fields: ContextVar[Mapping[str, str]] = ContextVar("habitus_log_fields")
"""What every line says that is written in this context: of a request, its names."""
_NO_FIELDS: Mapping[str, str] = {}
MAX_WAITING_LINES = 10_000
STOP_TIMEOUT_S = 2.0
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_WORD = re.compile("[!#-<>-~]+")
"""ASCII that is printed, without spaces, quotes and equals signs."""
_to_json = json.JSONEncoder(default=str).encode
"""Unlike orjson, this can repeat what clients send that is no Unicode."""


class FieldsFormatter(logging.Formatter):
    """A record as named values: when, what, how bad, from where, and what was given with it."""

    def __init__(self, log_format: str) -> None:
        """Text for people or JSON for machines.

        Args:
            log_format: `text` or `json`.
        """
        super().__init__()
        self._render = _to_json if log_format == "json" else _to_text

    def format(self, record: logging.LogRecord) -> str:
        """One line, but for exceptions as text."""
        when = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        fields = {
            "timestamp": f"{when.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **log_fields.get(_NO_FIELDS),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._render(fields)


class LogWriter:
    """Sends every log line of the process to a stream, by a thread."""

    def __init__(
        self, log_format: str, stream: TextIO, max_waiting: int = MAX_WAITING_LINES
    ) -> None:
        """Start the thread.

        Args:
            log_format: `text` or `json`.
            stream: Where the lines go.
            max_waiting: Lines that wait to be written; further ones are dropped and counted.
        """
        lines: queue.Queue[logging.LogRecord] = queue.Queue(max_waiting)
        self.handler = _DroppingHandler(lines)
        self.handler.setFormatter(FieldsFormatter(log_format))
        self._listener = QueueListener(lines, logging.StreamHandler(stream))
        self._listener.start()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Write the lines that wait, and end the thread.

        Args:
            timeout_s: How long at most.

        Returns:
            Whether all lines are written; if not, the thread waits for the stream for ever.
        """
        stopping = threading.Thread(target=self._finish, daemon=True)
        stopping.start()
        stopping.join(timeout_s)
        return not stopping.is_alive()

    def _finish(self) -> None:
        while True:
            try:
                self._listener.stop()
            except queue.Full:  # there is no room for the sign of the end either
                time.sleep(0.01)
            else:
                return


class _DroppingHandler(QueueHandler):
    """Formats a line where it is logged, and drops it where the queue is full."""

    num_dropped = 0
    """Lines that were dropped and that no line has told of."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the line, after one that says how many were dropped before it."""
        try:
            if self.num_dropped:
                told = {"levelname": "WARNING", "name": __name__, "num_dropped": self.num_dropped}
                loss = logging.makeLogRecord({"msg": "log lines were dropped", **told})
                # In an empty context: it is about no request.
                self.queue.put_nowait(Context().run(self.prepare, loss))
                self.num_dropped = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self.num_dropped += 1


def configure_logging(log_format: str) -> LogWriter | None:
    """Send every log line of the process, uvicorn's too, to stderr in one format.

    Args:
        log_format: `text` for people, `json` for machines.

    Returns:
        What writes them, to be stopped in the end; None where the process has no stderr.
    """
    writer = None if sys.stderr is None else LogWriter(log_format, sys.stderr)
    handler = logging.NullHandler() if writer is None else writer.handler
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # No line says which thread or process it came from.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # A stream that cannot be written to cannot be told so either.
    logging.raiseExceptions = False
    return writer


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
