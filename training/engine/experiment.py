"""The fields that all recipes have, and the header of a run's checkpoint."""

from typing import Protocol, TypeVar

from torch import Tensor

from model.checkpoint import CheckpointHeader, TrainingPart, parse_lineage
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder

LICENCE = "Apache-2.0"


class Experiment(Protocol):
    """The fields of every recipe."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Picture and batch sizes."""

    @property
    def routine(self) -> Routine:
        """Intervals and limits."""

    @property
    def optimisation(self) -> Optimisation:
        """Optimisers and learning rate."""

    @property
    def initial(self) -> str | None:
        """Checkpoint that the weights start from."""

    @property
    def seed(self) -> int:
        """Of all random numbers."""

    @property
    def device(self) -> str:
        """To compute on."""


Recipe = TypeVar("Recipe", bound=Experiment)
Batch = TypeVar("Batch", bound=tuple[Tensor, ...])


def run_header(folder: RunFolder, data: str) -> CheckpointHeader:
    """The header of a run's checkpoint, without architecture and config.

    Args:
        folder: Of the run.
        data: The training data in words.

    Raises:
        InvalidInputError: There was no validation yet.
        CheckpointError: The lineage of the initial checkpoint is damaged.
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
