"""What every experiment has: its recipe's fields, and the header of its checkpoint."""

from typing import Protocol, TypeVar

from torch import Tensor

from model.checkpoint import CheckpointHeader, TrainingPart, parse_lineage
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder

LICENCE = "Apache-2.0"


class Experiment(Protocol):
    """What every recipe says."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Sizes and batches."""

    @property
    def routine(self) -> Routine:
        """What happens when."""

    @property
    def optimisation(self) -> Optimisation:
        """How weights change."""

    @property
    def initial(self) -> str | None:
        """Checkpoint that the weights start from."""

    @property
    def seed(self) -> int:
        """Of everything random."""

    @property
    def device(self) -> str:
        """Where to compute."""


Recipe = TypeVar("Recipe", bound=Experiment)
Batch = TypeVar("Batch", bound=tuple[Tensor, ...])


def run_header(folder: RunFolder, data: str) -> CheckpointHeader:
    """What the checkpoint of a run's best weights says of itself, its network left out.

    Args:
        folder: Of the run.
        data: What it learned from, in words.

    Raises:
        InvalidInputError: Nothing was judged yet.
        CheckpointError: The lineage of what it started from is damaged.
    """
    description, best = folder.describe(), folder.load_best()
    part = TrainingPart(
        recipe=description["recipe"] | {"command": description["command"]},
        commit=description["commit"],
        data=data,
        steps=best["step"],
    )
    before = description["lineage"]
    return CheckpointHeader(
        architecture="",
        config={},
        lineage=(*(parse_lineage(before, str(folder.description)) if before else ()), part),
        metrics=best["metrics"],
        licence=LICENCE,
    )
