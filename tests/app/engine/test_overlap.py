"""The next batch is prepared, and the last one finished, while one runs."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence

import pytest

from app.engine.devices import Device
from app.engine.engine import Engine
from app.telemetry.metrics import Metrics


class Pipeline:
    """Doubles numbers in three stages; a stage named in `held` waits until it is let go."""

    def __init__(self, *held: str) -> None:
        self.calls: list[tuple[str, list[int], str]] = []
        self.changed = threading.Condition()
        self.held = set(held)

    def predict_batch(self, items: Sequence[int]) -> list[int]:
        return self.finish_batch(self.run_batch(self.prepare_batch(items)))

    def prepare_batch(self, items: Sequence[int]) -> list[int]:
        return self._pass("prepare", list(items))

    def run_batch(self, prepared: list[int]) -> list[int]:
        return self._pass("run", prepared)

    def finish_batch(self, raw: list[int]) -> list[int]:
        return [2 * item for item in self._pass("finish", raw)]

    def _pass(self, stage: str, items: list[int]) -> list[int]:
        with self.changed:
            self.calls.append((stage, items, threading.current_thread().name))
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: stage not in self.held, 30)
        return items

    def let_go(self) -> None:
        self.hold()

    def hold(self, *stages: str) -> None:
        """These, and no others."""
        with self.changed:
            self.held = set(stages)
            self.changed.notify_all()

    def batches(self, stage: str) -> list[list[int]]:
        return [items for name, items, _ in self.calls if name == stage]

    async def until(self, stage: str, items: list[int]) -> None:
        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(lambda: items in self.batches(stage), 30)

        assert await asyncio.to_thread(wait), (stage, items, self.calls)


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    engines = []

    def make(num_devices: int = 1, **options: float) -> Engine:
        devices = [Device(f"cpu-{index}", overlaps=True) for index in range(num_devices)]
        engine = Engine(Metrics(), devices, **options)  # type: ignore[arg-type]
        engine.start()
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


async def ask(engine: Engine, pipeline: Pipeline, *numbers: int) -> list[asyncio.Task[int]]:
    """Requests that have just been admitted."""
    tasks = [asyncio.create_task(engine.submit(pipeline, number)) for number in numbers]
    await asyncio.sleep(0)
    return tasks


def run(main: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


def test_a_full_batch_is_prepared_while_another_runs_and_only_one_ahead(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(max_batch=2), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        tasks += await ask(engine, pipeline, 2, 3, 4, 5)
        await pipeline.until("prepare", [2, 3])
        await asyncio.sleep(0.05)
        assert pipeline.batches("prepare") == [[1], [2, 3]]
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]

    run(main())
    assert pipeline.batches("run") == [[1], [2, 3], [4, 5]]


def test_a_batch_that_is_not_full_keeps_filling_until_the_device_is_free(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(max_batch=4), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        for number in (2, 3, 4):
            tasks += await ask(engine, pipeline, number)
            await asyncio.sleep(0.02)
        assert pipeline.batches("prepare") == [[1]]
        pipeline.let_go()
        await asyncio.gather(*tasks)

    run(main())
    assert pipeline.batches("run") == [[1], [2, 3, 4]]


def test_a_batch_is_finished_while_the_next_one_runs(make_engine: Callable[..., Engine]) -> None:
    engine, pipeline = make_engine(max_batch=1), Pipeline("finish")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1, 2)
        await pipeline.until("finish", [1])
        await pipeline.until("run", [2])
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4]

    run(main())


def test_what_is_prepared_ahead_or_being_finished_counts_as_admitted(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(max_batch=1), Pipeline("run", "finish")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        tasks += await ask(engine, pipeline, 2, 3)
        await pipeline.until("prepare", [2])
        assert engine.num_admitted == 3
        pipeline.hold("finish")
        await pipeline.until("finish", [1])
        await pipeline.until("run", [3])
        assert engine.num_admitted == 3
        pipeline.let_go()
        await asyncio.gather(*tasks)
        assert engine.num_admitted == 0

    run(main())


def test_a_client_that_leaves_frees_its_place_in_a_batch_that_is_ahead(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(max_batch=2), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        leaving = await ask(engine, pipeline, 2, 3)
        await pipeline.until("prepare", [2, 3])
        assert engine.num_admitted == 3
        for task in leaving:
            task.cancel()
        await asyncio.sleep(0)
        assert engine.num_admitted == 1
        tasks += await ask(engine, pipeline, 4)
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 8]

    run(main())
    assert [2, 3] not in pipeline.batches("run")


def test_a_device_that_waits_for_a_batch_to_be_prepared_uses_no_processor_time(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(max_batch=2), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        pipeline.held = {"run", "prepare"}
        tasks += await ask(engine, pipeline, 2, 3, 4)
        await pipeline.until("prepare", [2, 3])
        with pipeline.changed:
            pipeline.held = {"prepare"}
            pipeline.changed.notify_all()
        assert await tasks[0] == 2
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.1
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8]

    run(main())
    assert pipeline.batches("run") == [[1], [2, 3], [4]]


def test_an_idle_device_takes_what_waits_before_a_busy_one_takes_it_ahead(
    make_engine: Callable[..., Engine],
) -> None:
    engine, pipeline = make_engine(num_devices=2, max_batch=1), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        tasks += await ask(engine, pipeline, 2)
        await pipeline.until("run", [2])
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4]

    run(main())
    threads = {name for stage, _, name in pipeline.calls if stage == "run"}
    assert len(threads) == 2


@pytest.mark.parametrize("stage", ["prepare", "run", "finish"])
def test_a_bad_item_fails_alone_whatever_stage_it_fails_in(
    make_engine: Callable[..., Engine], stage: str
) -> None:
    class Picky(Pipeline):
        def _pass(self, name: str, items: list[int]) -> list[int]:
            items = super()._pass(name, items)
            if name == stage and 13 in items:
                raise ZeroDivisionError("thirteen")
            return items

    engine, pipeline = make_engine(max_batch=3), Picky("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        tasks += await ask(engine, pipeline, 2, 13, 3, 4)
        if stage != "prepare":
            await pipeline.until("prepare", [2, 13, 3])
        pipeline.let_go()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes.pop(2), ZeroDivisionError)
        assert outcomes == [2, 4, 6, 8]

    run(main())
    assert engine.alive


@pytest.mark.parametrize("stage", ["prepare", "run", "finish"])
def test_a_stage_that_hangs_is_a_failure(make_engine: Callable[..., Engine], stage: str) -> None:
    engine, pipeline = make_engine(max_batch=1, watchdog_s=0.2), Pipeline("run")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        pipeline.hold("run", stage)
        tasks += await ask(engine, pipeline, 2)
        if stage == "prepare":
            await pipeline.until("prepare", [2])
        pipeline.hold(stage)
        if stage == "prepare":
            assert await tasks[0] == 2  # what ran before is done
        while engine.failure is None:
            await asyncio.sleep(0.01)
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4]
        assert engine.failure is None

    run(main())


def test_closing_finishes_what_is_in_every_stage() -> None:
    engine = Engine(Metrics(), [Device(overlaps=True)], max_batch=1)
    engine.start()
    pipeline = Pipeline("run", "finish")

    async def main() -> None:
        tasks = await ask(engine, pipeline, 1)
        await pipeline.until("run", [1])
        tasks += await ask(engine, pipeline, 2, 3)
        await pipeline.until("prepare", [2])
        closing = asyncio.create_task(asyncio.to_thread(engine.close))
        while engine.unready is None:
            await asyncio.sleep(0.001)
        pipeline.let_go()
        assert await asyncio.gather(*tasks) == [2, 4, 6]
        await closing

    run(main())
    assert not engine.alive
