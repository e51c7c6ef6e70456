import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import anyio
import pytest

from app.engine.engine import Engine
from app.engine.queue import EngineClosedError, QueueFullError
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import StageTimes, recorded_stages
from model.errors import InvalidInputError


class Doubler:
    """Doubles numbers; negative ones are unusable, and 13 breaks it. Remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def predict_batch(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        if min(items) < 0:
            raise InvalidInputError(f"{min(items)} is negative; numbers from 0 are needed")
        if 13 in items:
            raise ZeroDivisionError("thirteen")
        return [2 * item for item in items]


class Gate(Doubler):
    """A doubler that is busy until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.opened = threading.Event()

    def predict_batch(self, items: Sequence[int]) -> list[int]:
        self.entered.set()
        assert self.opened.wait(20)
        return super().predict_batch(items)

    async def until_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 20)


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    engines = []

    def make(**options: float) -> Engine:
        engine = Engine(Metrics(), **options)  # type: ignore[arg-type]
        engine.start()
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


def test_a_lone_item_gets_its_result_without_waiting_for_others(
    make_engine: Callable[..., Engine],
) -> None:
    engine = make_engine(max_batch=8)

    async def ask() -> float:
        started = time.perf_counter()
        assert await engine.submit(Doubler(), 21) == 42
        return time.perf_counter() - started

    assert asyncio.run(ask()) < 5  # on a loaded machine


def test_what_queues_while_the_device_is_busy_becomes_one_batch_no_larger_than_allowed(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(max_batch=4), Gate()

    async def ask() -> list[int]:
        first = asyncio.create_task(engine.submit(gate, 0))
        await gate.until_entered()
        others = [asyncio.create_task(engine.submit(gate, number)) for number in range(1, 7)]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8, 10, 12]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_a_batch_holds_items_of_one_predictor_and_the_oldest_goes_first(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate, other = make_engine(max_batch=4), Gate(), Doubler()

    async def ask() -> list[int]:
        first = asyncio.create_task(engine.submit(gate, 0))
        await gate.until_entered()
        later = [
            asyncio.create_task(engine.submit(predictor, number))
            for predictor, number in [(other, 1), (gate, 2), (other, 3)]
        ]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(first, *later)

    assert asyncio.run(ask()) == [0, 2, 4, 6]
    assert gate.batches == [[0], [2]]
    assert other.batches == [[1, 3]]


@pytest.mark.parametrize(
    ("bad", "error"), [(-1, InvalidInputError), (13, ZeroDivisionError)], ids=["unusable", "a bug"]
)
def test_a_failing_item_fails_alone(
    make_engine: Callable[..., Engine], bad: int, error: type[Exception]
) -> None:
    engine, gate = make_engine(), Gate()

    async def ask() -> list[int | BaseException]:
        first = asyncio.create_task(engine.submit(gate, 0))
        await gate.until_entered()
        others = [asyncio.create_task(engine.submit(gate, number)) for number in (1, bad, 2)]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    outcomes = asyncio.run(ask())
    failed = outcomes.pop(2)
    assert outcomes == [0, 2, 4]
    assert isinstance(failed, error)
    assert [1, bad, 2] in gate.batches


def test_the_device_works_on_after_a_bug(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()

    async def ask() -> int:
        with pytest.raises(ZeroDivisionError):
            await engine.submit(Doubler(), 13)
        return await engine.submit(Doubler(), 1)

    assert asyncio.run(ask()) == 2
    assert engine.alive


def test_one_request_too_many_is_refused_at_once_and_admitted_when_another_has_left(
    make_engine: Callable[..., Engine],
) -> None:
    engine = make_engine(max_queue=2)
    engine.enter()
    engine.enter()
    with pytest.raises(QueueFullError, match="2 requests are queued or running"):
        engine.enter()
    engine.leave()
    engine.enter()


def test_an_admitted_request_may_submit_more_items_than_requests_are_admitted(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(max_queue=1, max_batch=2), Gate()
    engine.enter()

    async def ask() -> list[int]:
        items = [asyncio.create_task(engine.submit(gate, number)) for number in range(5)]
        await gate.until_entered()
        with pytest.raises(QueueFullError):
            engine.enter()
        gate.opened.set()
        return await asyncio.gather(*items)

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8]


def test_a_batch_that_takes_too_long_is_a_failure_until_it_ends(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(watchdog_s=0.2), Gate()

    async def ask() -> None:
        asking = asyncio.create_task(engine.submit(gate, 1))
        await gate.until_entered()
        while engine.alive:
            await asyncio.sleep(0.01)
        assert re.search(r"on one batch for \d+ s, and 0.2 s are allowed", engine.failure or "")
        assert engine.unready == engine.failure
        asking.cancel()  # nobody waits for it any more, and the device is busy all the same
        await asyncio.sleep(0)
        assert not engine.alive
        gate.opened.set()
        while not engine.alive:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(ask(), 20))


def test_time_without_work_is_no_failure(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(watchdog_s=0.02)
    asyncio.run(engine.submit(Doubler(), 1))
    time.sleep(0.1)
    assert engine.alive


def test_an_item_whose_deadline_passes_in_the_queue_is_dropped_unseen(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(max_batch=1), Gate()

    async def ask_within(seconds: float, number: int) -> None:
        with pytest.raises(TimeoutError), anyio.fail_after(seconds):
            await engine.submit(gate, number)

    async def ask() -> None:
        running = asyncio.create_task(ask_within(0.2, 1))
        await gate.until_entered()
        await asyncio.gather(running, ask_within(0.2, 2))
        assert engine.num_admitted == 1  # the device cannot be stopped
        gate.opened.set()
        assert await engine.submit(gate, 3) == 6

    asyncio.run(ask())
    assert gate.batches == [[1], [3]]


def test_an_item_that_is_late_when_it_is_popped_is_not_run_even_if_its_loop_is_stuck(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(max_batch=1), Gate()

    async def ask_within(seconds: float, number: int) -> None:
        with anyio.move_on_after(seconds):
            await engine.submit(gate, number)

    async def ask() -> None:
        running = asyncio.create_task(engine.submit(gate, 1))
        await gate.until_entered()
        late = asyncio.create_task(ask_within(0.1, 2))
        await asyncio.sleep(0)
        time.sleep(0.2)
        gate.opened.set()
        while len(gate.batches) < 1 or engine.num_admitted:
            time.sleep(0.01)
        await asyncio.gather(running, late)

    asyncio.run(ask())
    assert gate.batches == [[1]]


def test_after_cancellations_deadlines_and_refusals_nothing_is_left_in_the_queue() -> None:
    metrics, gate = Metrics(), Gate()
    engine = Engine(metrics, max_batch=1, max_queue=1)
    engine.start()

    async def ask_within(seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await engine.submit(gate, 2)

    async def ask() -> None:
        running = asyncio.create_task(engine.submit(gate, 1))
        await gate.until_entered()
        gone = asyncio.create_task(engine.submit(gate, 3))
        late = [asyncio.create_task(ask_within(0.05)) for _ in range(2)]
        await asyncio.sleep(0)
        assert b"habitus_queue_depth 3.0" in metrics.text()
        engine.enter()
        with pytest.raises(QueueFullError):
            engine.enter()
        gone.cancel()
        await asyncio.gather(*late)
        gate.opened.set()
        await running

    asyncio.run(ask())
    engine.close()
    text = metrics.text().decode()
    assert "habitus_queue_depth 0.0" in text


def test_a_request_learns_how_long_its_item_waited_and_ran(
    make_engine: Callable[..., Engine],
) -> None:
    engine = make_engine()

    async def ask() -> StageTimes:
        with recorded_stages() as stages:
            await engine.submit(Doubler(), 1)
        return stages

    stages = asyncio.run(ask())
    assert stages.seconds.keys() == {"queue", "predict"}
    assert min(stages.seconds.values()) >= 0
    assert stages.batch_size == 1


def test_an_item_whose_client_has_gone_leaves_the_queue_at_once(
    make_engine: Callable[..., Engine],
) -> None:
    engine, gate = make_engine(max_batch=1), Gate()

    async def ask() -> None:
        running = asyncio.create_task(engine.submit(gate, 1))
        await gate.until_entered()
        abandoned = asyncio.create_task(engine.submit(gate, 2))
        await asyncio.sleep(0)
        assert engine.num_admitted == 2
        abandoned.cancel()
        await asyncio.sleep(0)
        assert engine.num_admitted == 1
        gate.opened.set()
        assert await running == 2

    asyncio.run(ask())
    assert gate.batches == [[1]]


def test_closing_finishes_what_was_taken_and_refuses_what_comes_after() -> None:
    engine, gate = Engine(Metrics(), max_batch=1), Gate()
    engine.start()

    async def ask() -> list[int]:
        taken = [asyncio.create_task(engine.submit(gate, number)) for number in range(3)]
        await gate.until_entered()
        closing = asyncio.create_task(asyncio.to_thread(engine.close))
        while engine.unready is None:
            await asyncio.sleep(0.001)
        with pytest.raises(EngineClosedError, match="shutting down"):
            await engine.submit(gate, 9)
        gate.opened.set()
        results = await asyncio.gather(*taken)
        await closing
        return results

    assert asyncio.run(ask()) == [0, 2, 4]
    assert not engine.alive


def test_a_wait_lets_a_batch_fill_and_a_full_batch_does_not_wait(
    make_engine: Callable[..., Engine],
) -> None:
    engine, doubler = make_engine(max_batch=3, max_wait_s=60), Doubler()

    async def ask() -> list[int]:
        return await asyncio.gather(*(engine.submit(doubler, number) for number in range(3)))

    started = time.perf_counter()
    assert asyncio.run(ask()) == [0, 2, 4]
    assert time.perf_counter() - started < 30
    assert doubler.batches == [[0, 1, 2]]


def test_a_wait_ends_by_itself(make_engine: Callable[..., Engine]) -> None:
    engine, doubler = make_engine(max_batch=3, max_wait_s=0.05), Doubler()
    assert asyncio.run(engine.submit(doubler, 1)) == 2
    assert doubler.batches == [[1]]


def test_an_idle_engine_uses_no_processor_time(make_engine: Callable[..., Engine]) -> None:
    make_engine(max_wait_s=0.01)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.02 * 0.5
