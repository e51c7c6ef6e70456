"""A device as the engine sees it: its predictors, how to warm them, how to tell that it is lost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.engine.batch_runner import RECOVERY_S, BatchPredictor

Predictor = BatchPredictor[Any, Any]


def _nothing() -> None:
    """A processor has done its work when a call returns, and is never lost."""


@dataclass(frozen=True)
class Device:
    """A device as the engine sees it."""

    name: str = "cpu"
    replicas: Mapping[Predictor, Predictor] = field(default_factory=dict)
    """For a predictor that requests name, the one that runs here; itself where it is not named."""
    examples: Sequence[tuple[Predictor, Any]] = ()
    """Predictors of this device to warm, each with an item."""
    synchronize: Callable[[], None] = _nothing
    """Waits until the device has done what it was given; raises when it has failed."""
    recovery_s: float = RECOVERY_S
    """How long batches stay smaller after one did not fit."""
    limits: Mapping[Predictor, int] = field(default_factory=dict)
    """Most items that a predictor of this device is given at once, where more at once are no
    quicker than more in turn."""
    overlaps: bool = False
    """Whether preparing and finishing beside a running batch pays."""


def batch_buckets(max_batch: int) -> list[int]:
    """Sizes of batch worth making ready for: powers of two, and the largest."""
    powers = [1 << exponent for exponent in range(max_batch.bit_length())]
    return sorted({*powers, max_batch})
