import weakref
from collections.abc import Sequence

import pytest
import torch

from app.engine.batch_runner import (
    BatchCeiling,
    BatchRunner,
    DeviceFaultError,
    DeviceMemoryError,
    is_device_error,
    is_out_of_memory,
)
from model.errors import InvalidInputError


class SmallDevice:
    """Negates numbers, as many at once as fit."""

    def __init__(self, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        self.room = room
        self.error = error
        self.batches: list[int] = []

    def predict_batch(self, items: Sequence[int]) -> list[int]:
        self.batches.append(len(items))
        if len(items) > self.room:
            raise self.error("CUDA out of memory")
        if 13 in items:
            raise InvalidInputError("13 is unlucky")
        return [-item for item in items]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def works() -> None:
    """A device that is well."""


def is_lost() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def runner(max_batch: int = 8) -> BatchRunner:
    return BatchRunner(BatchCeiling(max_batch, clock=Clock()), works)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(error: type[Exception]) -> None:
    device, batches = SmallDevice(2, error), runner()
    assert batches.run(device, list(range(1, 8))) == [-1, -2, -3, -4, -5, -6, -7]
    assert device.batches == [7, 4, 2, 2, 3, 2, 1]
    assert batches.ceiling.limit == 2


def test_an_item_that_does_not_fit_alone_fails_alone() -> None:
    class OneTooLarge(SmallDevice):
        def predict_batch(self, items: Sequence[int]) -> list[int]:
            if 100 in items:
                raise torch.OutOfMemoryError("no room")
            return super().predict_batch(items)

    outcomes = runner().run(OneTooLarge(8), [1, 100, 3, 4])
    assert isinstance(outcomes.pop(1), DeviceMemoryError)
    assert outcomes == [-1, -3, -4]


def test_after_a_batch_that_did_not_fit_batches_stay_smaller_for_a_while() -> None:
    clock = Clock()
    ceiling = BatchCeiling(8, recovery_s=60, clock=clock)
    assert ceiling.limit == 8
    ceiling.lower(2)
    limits = []
    for _ in range(4):
        limits.append(ceiling.limit)
        clock.now += 60
    assert limits == [2, 4, 8, 8]
    ceiling.lower(2)
    clock.now += 59
    assert ceiling.limit == 2
    ceiling.lower(0)
    assert ceiling.limit == 1


def test_a_failure_lets_go_of_the_memory_that_the_next_try_needs() -> None:
    held: list[object] = []

    class Hoarder:
        def predict_batch(self, items: Sequence[int]) -> list[int]:
            tensor = torch.zeros(10)
            if len(items) > 1:
                held.append(weakref.ref(tensor))
                raise torch.OutOfMemoryError("no room")
            assert all(reference() is None for reference in held)  # type: ignore[operator]
            return [int(tensor[0]) for _ in items]

    assert runner().run(Hoarder(), [1, 2, 3, 4]) == [0, 0, 0, 0]
    assert len(held) == 3


def test_a_bad_item_fails_alone_also_in_a_batch_that_does_not_fit() -> None:
    outcomes = runner().run(SmallDevice(2), [1, 13, 3])
    assert isinstance(outcomes.pop(1), InvalidInputError)
    assert outcomes == [-1, -3]


def test_a_predictor_that_loses_a_result_fails_and_no_result_goes_astray() -> None:
    class Forgetful:
        def predict_batch(self, items: Sequence[int]) -> list[int]:
            return list(items[1:]) if len(items) > 1 else list(items)

    assert runner().run(Forgetful(), [1, 2, 3]) == [1, 2, 3]


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def predict_batch(self, items: Sequence[int]) -> list[int]:
        raise self.error


DEVICE_ERRORS = [
    torch.AcceleratorError("CUDA error: device-side assert triggered", 710),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.mark.parametrize("error", DEVICE_ERRORS, ids=repr)
def test_an_error_of_a_device_that_is_lost_is_a_fault(error: Exception) -> None:
    batches = BatchRunner(BatchCeiling(8), is_lost)
    with pytest.raises(DeviceFaultError, match="must be restarted") as caught:
        batches.run(Failing(error), [1, 2])
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", DEVICE_ERRORS, ids=repr)
def test_an_error_of_a_device_that_still_works_is_the_items_own(error: Exception) -> None:
    assert runner().run(Failing(error), [1, 2]) == [error, error]


def test_an_ordinary_error_does_not_put_the_device_in_doubt() -> None:
    error = RuntimeError("shapes differ")
    assert BatchRunner(BatchCeiling(8), is_lost).run(Failing(error), [1]) == [error]


def test_errors_are_told_apart() -> None:
    assert is_out_of_memory(torch.AcceleratorError("CUDA error: out of memory", 2))
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    )
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(ValueError("out of memory of what was said"))
    assert not is_device_error(RuntimeError("shapes differ"))
