import asyncio

import anyio
import pytest

from app.telemetry.request_timing import (
    Stage,
    record_batch_size,
    record_stage,
    recorded_stages,
    timed_stage,
)


def test_a_stage_adds_up_and_the_batch_is_kept() -> None:
    with recorded_stages() as times:
        record_stage("queue", 0.25)
        record_stage("queue", 0.5)
        record_stage("predict", 1.0)
        record_batch_size(3)
    assert times.seconds == {"queue": 0.75, "predict": 1.0}
    assert times.batch_size == 3


def test_outside_of_a_request_nothing_is_recorded_and_nothing_fails() -> None:
    record_stage("decode", 1.0)
    record_batch_size(1)
    with recorded_stages() as times:
        pass
    record_stage("decode", 1.0)
    assert times.seconds == {}


def test_a_stage_that_fails_is_timed_too() -> None:
    with recorded_stages() as times:
        with pytest.raises(ValueError, match="bad picture"), timed_stage("decode"):
            raise ValueError("bad picture")
        assert times.seconds["decode"] >= 0


def test_requests_that_run_together_keep_their_times_apart_in_tasks_and_threads() -> None:
    async def request(seconds: float) -> dict[Stage, float]:
        with recorded_stages() as times:
            await asyncio.create_task(asyncio.to_thread(record_stage, "encode", seconds))
            await anyio.to_thread.run_sync(record_stage, "decode", 2 * seconds)
            return times.seconds

    async def both() -> tuple[dict[Stage, float], dict[Stage, float]]:
        return await asyncio.gather(request(1.0), request(10.0))

    assert list(asyncio.run(both())) == [
        {"encode": 1.0, "decode": 2.0},
        {"encode": 10.0, "decode": 20.0},
    ]
