"""Several devices on one queue, warming them, and losing them."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Sequence

import pytest
import torch

from app.engine.batch_runner import DeviceFaultError, DeviceMemoryError, batch_sizes
from app.engine.devices import Device
from app.engine.engine import Engine
from app.engine.queue import EngineClosedError
from app.telemetry.metrics import Metrics


class Recorder:
    """Gives items back, and remembers batches and threads."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.batches: list[list[object]] = []
        self.threads: set[str] = set()

    def predict_batch(self, items: Sequence[object]) -> list[object]:
        self.batches.append(list(items))
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        return list(items)


class Meeting(Recorder):
    """Comes back only when as many batches run at the same time as were asked for."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self.barrier = barrier

    def predict_batch(self, items: Sequence[object]) -> list[object]:
        self.barrier.wait(30)
        return super().predict_batch(items)


def until(condition: Callable[[], bool]) -> None:
    deadline = threading.Event()
    for _ in range(3000):
        if condition():
            return
        deadline.wait(0.01)
    pytest.fail("it never happened")


def test_two_devices_work_on_one_queue_each_with_its_own_replica() -> None:
    barrier = threading.Barrier(2)
    first, second = Meeting(barrier), Meeting(barrier)
    devices = [Device("cpu-0", {first: first}), Device("cpu-1", {first: second})]
    engine = Engine(Metrics(), devices, max_batch=1)
    engine.start()

    async def ask() -> list[object]:
        return await asyncio.gather(*(engine.submit(first, number) for number in range(6)))

    assert asyncio.run(ask()) == list(range(6))
    engine.close()
    assert len(first.batches) == len(second.batches) == 3
    assert (first.threads, second.threads) == ({"habitus-cpu-0"}, {"habitus-cpu-1"})


def test_a_device_takes_its_share_and_leaves_the_rest_to_the_others() -> None:
    """Two items wait when both devices become free: one each, though a batch holds eight."""
    barrier = threading.Barrier(2)
    first, second = Meeting(barrier), Meeting(barrier)
    devices = [Device("cpu-0", {first: first}), Device("cpu-1", {first: second})]
    engine = Engine(Metrics(), devices, max_batch=8)

    async def ask() -> None:
        asking = [asyncio.ensure_future(engine.submit(first, number)) for number in range(2)]
        await asyncio.sleep(0)
        engine.start()
        assert await asyncio.gather(*asking) == [0, 1]

    asyncio.run(asyncio.wait_for(ask(), 60))
    engine.close()
    assert [len(recorder.batches) for recorder in (first, second)] == [1, 1]


def test_a_predictor_is_given_no_more_at_once_than_its_device_allows_it() -> None:
    """Also in the warm-up; another predictor's batches on the same device are as full as ever."""
    first, local, other = Recorder(), Recorder(), Recorder()
    device = Device("cpu-0", {first: local}, [(local, "a"), (other, "b")], limits={local: 2})
    engine = Engine(Metrics(), [device], max_batch=4)

    async def ask() -> None:
        asking = [
            asyncio.ensure_future(engine.submit(predictor, number))
            for predictor in (first, other)
            for number in range(3)
        ]
        await asyncio.sleep(0)
        engine.start()
        assert await asyncio.gather(*asking) == [0, 1, 2] * 2

    asyncio.run(asyncio.wait_for(ask(), 60))
    engine.close()
    assert local.batches == [["a"], ["a", "a"], [0, 1], [2]]
    assert other.batches == [["b"], ["b"] * 2, ["b"] * 4, [0, 1, 2]]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no nice value")
@pytest.mark.parametrize("beside", [False, True], ids=["the processor", "beside the processor"])
def test_a_processors_computing_gives_way_to_who_answers(beside: bool) -> None:
    class Nice(Recorder):
        def predict_batch(self, items: Sequence[object]) -> list[object]:
            return [os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) for _ in items]

    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    predictor = Nice()
    engine = Engine(
        Metrics(), [Device("one", {predictor: predictor}, overlaps=beside)], max_batch=1
    )
    engine.start()
    nice = asyncio.run(engine.submit(predictor, None))
    engine.close()
    assert nice == (here if beside else min(here + 5, 19))
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here


@pytest.mark.parametrize(
    ("max_batch", "buckets"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_every_size_of_batch_is_warmed_in_the_devices_own_thread_before_it_is_ready(
    max_batch: int, buckets: list[int]
) -> None:
    assert batch_sizes(max_batch) == buckets
    barrier = threading.Barrier(2)
    slow, quick = Meeting(barrier), Recorder()
    device = Device("cpu-0", examples=[(quick, "a"), (slow, "b")])
    engine = Engine(Metrics(), [device], max_batch=max_batch)
    engine.start()
    for _ in buckets:
        assert engine.unready == "the predictors are warming up"
        assert engine.alive
        barrier.wait(30)
    until(lambda: engine.unready is None)
    assert quick.batches == [["a"] * size for size in buckets]
    assert slow.batches == [["b"] * size for size in buckets]
    assert quick.threads == slow.threads == {"habitus-cpu-0"}
    engine.close()


def test_an_item_that_comes_during_the_warm_up_is_run_after_it() -> None:
    barrier = threading.Barrier(2)
    slow, quick = Meeting(barrier), Recorder()
    engine = Engine(Metrics(), [Device(examples=[(slow, "b")])], max_batch=1)
    engine.start()

    async def ask() -> object:
        task = asyncio.create_task(engine.submit(quick, 1))
        await asyncio.sleep(0.05)
        assert not quick.batches
        await asyncio.to_thread(barrier.wait, 30)
        return await task

    assert asyncio.run(ask()) == 1
    engine.close()


def test_a_predictor_that_cannot_be_warmed_is_a_fault() -> None:
    broken = Recorder(ValueError("no such kernel"))
    engine = Engine(Metrics(), [Device(examples=[(broken, "a")])])
    engine.start()
    until(lambda: engine.fault is not None)
    assert engine.unready == "Recorder fails to warm up: no such kernel"
    assert not engine.alive
    engine.close()


def test_sizes_that_do_not_fit_are_left_out_of_the_warm_up() -> None:
    class Small(Recorder):
        def predict_batch(self, items: Sequence[object]) -> list[object]:
            super().predict_batch(items)
            if len(items) > 2:
                raise torch.OutOfMemoryError("no room")
            return list(items)

    small = Small()
    engine = Engine(Metrics(), [Device(examples=[(small, "a")])], max_batch=8)
    engine.start()
    until(lambda: engine.unready is None)
    engine.close()
    assert [len(batch) for batch in small.batches] == [1, 2, 4, 2, 2]


def test_an_item_too_large_for_the_device_is_told_so_and_the_device_works_on() -> None:
    engine = Engine(Metrics())
    engine.start()

    async def ask() -> object:
        with pytest.raises(DeviceMemoryError, match="ask again later"):
            await engine.submit(Recorder(torch.OutOfMemoryError("no room")), 1)
        return await engine.submit(Recorder(), 2)

    assert asyncio.run(ask()) == 2
    engine.close()


def is_lost() -> None:
    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


@pytest.mark.parametrize("overlaps", [False, True])
def test_when_a_device_is_lost_everybody_who_waits_is_told_at_once(overlaps: bool) -> None:
    barrier = threading.Barrier(2)

    class Lost(Recorder):
        def predict_batch(self, items: Sequence[object]) -> list[object]:
            barrier.wait(30)
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    engine = Engine(Metrics(), [Device(synchronize=is_lost, overlaps=overlaps)], max_batch=1)
    engine.start()
    lost = Lost()

    async def ask() -> list[BaseException | object]:
        tasks = [asyncio.create_task(engine.submit(lost, number)) for number in range(3)]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(barrier.wait, 30)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(DeviceFaultError, match="must be restarted"):
            await engine.submit(lost, 4)
        return outcomes

    outcomes = asyncio.run(asyncio.wait_for(ask(), 60))
    assert [type(outcome) for outcome in outcomes] == [DeviceFaultError] * 3
    assert not engine.alive
    engine.close()
    assert isinstance(engine.fault, DeviceFaultError)


def test_a_thread_that_ends_by_a_mistake_of_ours_is_a_fault_too() -> None:
    class Mistake(BaseException):
        pass

    class Ending(Recorder):
        def predict_batch(self, items: Sequence[object]) -> list[object]:
            raise Mistake

    engine = Engine(Metrics())
    engine.start()

    async def ask() -> None:
        with pytest.raises(DeviceFaultError, match="thread has ended"):
            await engine.submit(Ending(), 1)

    asyncio.run(asyncio.wait_for(ask(), 60))
    until(lambda: not engine.alive)
    engine.close()


def test_draining_says_so_and_still_takes_items() -> None:
    engine = Engine(Metrics())
    engine.start()
    engine.drain()
    assert engine.unready == "the server is shutting down"

    async def ask() -> None:
        assert await engine.submit(Recorder(), 1) == 1
        await asyncio.to_thread(engine.close)
        with pytest.raises(EngineClosedError):
            await engine.submit(Recorder(), 1)

    asyncio.run(ask())
