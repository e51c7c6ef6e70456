"""Runs a batch on a device: each item gets its result or its own error.

A batch that does not fit into memory is halved, and for a while no larger one is formed. A batch
that fails otherwise is run item by item, so that one bad item does not fail the others. After an
error of the device itself the device is checked; if the check fails too, the device is lost.
"""

import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

RECOVERY_S = 60.0
"""How long batches stay smaller after one did not fit; then they may double again."""
_DEVICE_ERRORS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "HIP error")
_MEMORY_ERRORS = ("out of memory", "can't allocate memory", "not enough memory")

_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Result_co = TypeVar("_Result_co", covariant=True)


class BatchPredictor(Protocol[_Item_contra, _Result_co]):
    """Turns a list of items into as many results, in order."""

    def predict_batch(self, items: Sequence[_Item_contra], /) -> Sequence[_Result_co]:
        """One result for each item."""


@runtime_checkable
class StagedPredictor(Protocol):
    """A predictor whose `predict_batch` is these three methods in a row."""

    def prepare_batch(self, items: Sequence[Any], /) -> Any:
        """What needs no device."""

    def run_batch(self, prepared: Any, /) -> Any:
        """The device's work, which one thread at a time does."""

    def finish_batch(self, raw: Any, /) -> Sequence[Any]:
        """One result for each item, from the device's output."""


class DeviceMemoryError(Exception):
    """A single item does not fit into the device's memory at the moment."""


class DeviceFaultError(Exception):
    """The device, or the thread that owns it, is lost: only a new process helps."""


class BatchCeiling:
    """The size of the largest batch: lowered after one did not fit, then doubled again."""

    def __init__(
        self,
        max_batch: int,
        recovery_s: float = RECOVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_batch = max_batch
        self._recovery_s = recovery_s
        self._clock = clock
        self._limit = max_batch
        self._raise_at = 0.0

    @property
    def limit(self) -> int:
        """In items."""
        if self._limit < self._max_batch and self._clock() >= self._raise_at:
            self._limit = min(self._max_batch, 2 * self._limit)
            self._raise_at = self._clock() + self._recovery_s
        return self._limit

    def lower(self, limit: int) -> None:
        """Form no larger batches than `limit` for a while."""
        self._limit = max(1, min(self._limit, limit))
        self._raise_at = self._clock() + self._recovery_s


class BatchRunner:
    """Runs batches in the thread of one device."""

    def __init__(self, ceiling: BatchCeiling, synchronize: Callable[[], None]) -> None:
        self.ceiling = ceiling
        self._synchronize = synchronize
        """Waits for the device; raises when it has failed."""

    def run(self, predictor: BatchPredictor[Any, Any], items: Sequence[Any]) -> list[Any]:
        """A result or an exception for each item.

        Raises:
            DeviceFaultError: The device is lost.
        """
        try:
            return checked(predictor.predict_batch(items), len(items))
        except Exception as error:  # noqa: BLE001  (it belongs to the requests)
            failure = error
        return self.recover(predictor, items, failure)

    def recover(
        self, predictor: BatchPredictor[Any, Any], items: Sequence[Any], failure: Exception
    ) -> list[Any]:
        """Outcomes of a batch that failed; raises as `run`."""
        if is_out_of_memory(failure):
            # The frames hold the tensors that take the memory.
            traceback.clear_frames(failure.__traceback__)
            return self._run_halves(predictor, items)
        if is_device_error(failure):
            self._check_device(failure)
        if len(items) == 1:
            return [failure]
        return [outcome for item in items for outcome in self.run(predictor, [item])]

    def _run_halves(self, predictor: BatchPredictor[Any, Any], items: Sequence[Any]) -> list[Any]:
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if len(items) == 1:
            return [
                DeviceMemoryError("the item does not fit into the device's memory; ask again later")
            ]
        half = (len(items) + 1) // 2
        self.ceiling.lower(half)
        return self.run(predictor, items[:half]) + self.run(predictor, items[half:])

    def _check_device(self, failure: Exception) -> None:
        try:
            self._synchronize()
        except Exception:  # noqa: BLE001  (any error means that it is lost)
            raise DeviceFaultError("the device has failed; the server must be restarted") from (
                failure
            )


def batch_sizes(max_batch: int) -> list[int]:
    """Sizes of batch to warm: powers of two, and the largest."""
    powers = [1 << exponent for exponent in range(max_batch.bit_length())]
    return sorted({*powers, max_batch})


def checked(results: Sequence[Any], num_items: int) -> list[Any]:
    """The results, if there is one for each item.

    Raises:
        RuntimeError: There is not.
    """
    if len(results) != num_items:
        raise RuntimeError(f"the predictor gave {len(results)} results for {num_items} items")
    return list(results)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may fit."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _MEMORY_ERRORS
    )


def is_device_error(error: Exception) -> bool:
    """Whether it comes from the device, not from the items."""
    return isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _DEVICE_ERRORS)
    )
