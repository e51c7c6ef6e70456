"""Two requests never see each other's results, whatever else goes on."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import pytest
import torch

from app.engine.devices import Device
from app.engine.engine import Engine
from app.telemetry.metrics import Metrics
from model.errors import InvalidInputError

NUM_REQUESTS = 2500
OUTCOMES = ("result", "unusable", "a bug", "out of memory", "cancelled", "late", "refused")


@dataclass(frozen=True)
class Question:
    """What one request asks."""

    number: int
    fate: str


class Oracle:
    """Answers a question with its own number, and fails where the question says so."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()

    def predict_batch(self, items: Sequence[Question]) -> list[tuple[str, int]]:
        time.sleep(0.0005)
        if len(items) > 1 and any(item.fate == "out of memory" for item in items):
            raise torch.OutOfMemoryError("no room")
        for item in items:
            if item.fate == "unusable":
                raise InvalidInputError(f"{item.number} is unusable")
            if item.fate == "a bug":
                raise ZeroDivisionError(str(item.number))
        self.seen.update(item.number for item in items)
        return [("answer to", item.number) for item in items]


class StagedOracle(Oracle):
    """The same in three stages, any of which may fail."""

    def prepare_batch(self, items: Sequence[Question]) -> list[Question]:
        if any(item.fate == "unusable" for item in items):
            raise InvalidInputError(f"{items[0].number} is unusable")
        return list(items)

    def run_batch(self, prepared: list[Question]) -> list[Question]:
        time.sleep(0.0005)
        if len(prepared) > 1 and any(item.fate == "out of memory" for item in prepared):
            raise torch.OutOfMemoryError("no room")
        return prepared

    def finish_batch(self, raw: list[Question]) -> list[tuple[str, int]]:
        if any(item.fate == "a bug" for item in raw):
            raise ZeroDivisionError(str(raw[0].number))
        self.seen.update(item.number for item in raw)
        return [("answer to", item.number) for item in raw]


async def ask(engine: Engine, oracle: Oracle, question: Question, fate: str) -> str:
    """What became of a request; an answer that is not its own is an error."""
    try:
        with anyio.move_on_after(0.002 if fate == "late" else 60):
            answer = await engine.submit(oracle, question)
            assert answer == ("answer to", question.number)
            return "result"
    except InvalidInputError as error:
        return "unusable" if str(error) == f"{question.number} is unusable" else "another's error"
    except ZeroDivisionError as error:
        return "a bug" if str(error) == str(question.number) else "another's error"
    return "late"


async def ask_all(engine: Engine, oracles: Sequence[Oracle]) -> Counter[tuple[str, str]]:
    """How often each fate came to what."""
    draw = random.Random(7)
    gate = asyncio.Semaphore(200)
    became: Counter[tuple[str, str]] = Counter()

    async def one(number: int) -> None:
        fate = draw.choices(OUTCOMES[:-1], weights=(60, 4, 4, 4, 14, 14))[0]
        async with gate:
            await asyncio.sleep(draw.random() / 1000)
            question = Question(number, fate)
            task = asyncio.create_task(ask(engine, draw.choice(oracles), question, fate))
            if fate == "cancelled":
                await asyncio.sleep(draw.random() / 200)
                task.cancel()
            outcome = "cancelled"
            with contextlib.suppress(asyncio.CancelledError):
                outcome = await task
            became[fate, outcome] += 1

    await asyncio.gather(*(one(number) for number in range(NUM_REQUESTS)))
    return became


@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("num_devices", [1, 3])
def test_thousands_of_requests_get_their_own_results_and_no_others(
    overlaps: bool, num_devices: int
) -> None:
    oracles = [Oracle(), StagedOracle(), StagedOracle()]
    devices = [
        Device(f"cpu-{index}", overlaps=overlaps, recovery_s=0.01) for index in range(num_devices)
    ]
    metrics = Metrics()
    engine = Engine(metrics, devices, max_batch=7, max_queue=300)
    engine.start()
    became = asyncio.run(ask_all(engine, oracles))
    sizes = metrics.batch_size.labels("StagedOracle")
    assert sizes._sum.get() > sum(bucket.get() for bucket in sizes._buckets)  # there were batches
    engine.close()
    assert engine.num_admitted == 0
    assert engine.fault is None
    assert became.total() == NUM_REQUESTS
    allowed = {
        "result": {"result"},
        "unusable": {"unusable"},
        "a bug": {"a bug"},
        "out of memory": {"result"},
        "cancelled": {"cancelled", "result"},
        "late": {"late", "result"},
    }
    for fate, outcome in became:
        assert outcome in allowed[fate], became
    assert became["cancelled", "cancelled"] > 50
    assert became["late", "late"] > 50
    answered = sum(oracle.seen.total() for oracle in oracles)
    assert answered >= sum(count for (_, outcome), count in became.items() if outcome == "result")
