"""What came of a load: every answer, and what is said of all of them together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.serving.load import Load


@dataclass(frozen=True)
class Answer:
    """What came of a request. Times in seconds of `time.perf_counter`."""

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


def summarise(load: Load, outcome: Outcome, started: float, until: float) -> dict[str, Any]:
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
