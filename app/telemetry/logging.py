"""Log lines: one format for the whole process, written by a thread of their own.

A full disk or a pipe that nobody reads does not delay requests. Lines are dropped when the queue is
full.
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
"""Fields of every line that is written in this context: the names of a request."""
MAX_WAITING_LINES = 10_000
STOP_TIMEOUT_S = 2.0
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_WORD = re.compile("[!#-<>-~]+")
"""Printable ASCII without spaces, quotes and equals signs."""
_to_json = json.JSONEncoder(default=str).encode
"""orjson refuses text that is not Unicode, which clients may have sent."""


class FieldsFormatter(logging.Formatter):
    """A record as named values, in `text` or `json`."""

    def __init__(self, log_format: str) -> None:
        super().__init__()
        self._render = _to_json if log_format == "json" else _to_text

    def format(self, record: logging.LogRecord) -> str:
        """One line; as text, an exception follows it."""
        when = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        fields = {
            "timestamp": f"{when.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **log_fields.get({}),
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
        """Write the lines that wait, and end the thread; whether this succeeded in time."""
        stopping = threading.Thread(target=self._finish, daemon=True)
        stopping.start()
        stopping.join(timeout_s)
        return not stopping.is_alive()

    def _finish(self) -> None:
        while True:
            try:
                self._listener.stop()
            except queue.Full:  # the listener's stop takes a place in the queue too
                time.sleep(0.01)
            else:
                return


class _DroppingHandler(QueueHandler):
    """Formats a line where it is logged, and drops it where the queue is full."""

    num_dropped = 0
    """Dropped lines that no line has reported yet."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the line, after one that reports how many were dropped before it."""
        try:
            if self.num_dropped:
                fields = {"levelname": "WARNING", "name": __name__, "num_dropped": self.num_dropped}
                loss = logging.makeLogRecord({"msg": "log lines were dropped", **fields})
                # In an empty context: it belongs to no request.
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
        The writer, to be stopped at the end; None where the process has no stderr.
    """
    writer = None if sys.stderr is None else LogWriter(log_format, sys.stderr)
    handler = logging.NullHandler() if writer is None else writer.handler
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # it would print to the stream that has failed
    return writer


def _to_text(fields: dict[str, Any]) -> str:
    when, level, event, source, *rest = fields.items()
    line = f"{when[1]} [{level[1]:<8}] {event[1]:<30} [{source[1]}]"
    exception = fields.get("exception")
    named = "".join(f" {name}={_quoted(value)}" for name, value in rest if name != "exception")
    return line + named + (f"\n{exception}" if exception else "")


def _quoted(value: object) -> str:
    """As it is where it is one word; otherwise quoted, so that it cannot forge another field."""
    text = str(value)
    return text if isinstance(value, int | float) or _WORD.fullmatch(text) else _to_json(text)
