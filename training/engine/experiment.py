"""The fields that all recipes have, and the header of a run's checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor

from model.checkpoint import CheckpointHeader, TrainingPart, parse_lineage
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder

LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What every recipe says."""

    stages: tuple[Stage, ...]
    """Progressive resolution: small pictures first. The last size is the checkpoint's."""
    optimisation: Optimisation = field(default_factory=Optimisation)
    routine: Routine = field(default_factory=Routine)
    initial: str | None = None
    """Checkpoint that the weights start from."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""

    def __post_init__(self) -> None:
        """Refuse an experiment without steps.

        Raises:
            ValueError: There is no stage.
        """
        if not self.stages:
            raise ValueError("at least one stage is needed")


Recipe = TypeVar("Recipe", bound=Experiment)
Batch = TypeVar("Batch", bound=tuple[Tensor, ...])


def run_header(
    folder: RunFolder, data: str, step: int, metrics: Mapping[str, Any]
) -> CheckpointHeader:
    """The header of a run's checkpoint, without architecture and config.

    Args:
        folder: Of the run.
        data: The training data in words.
        step: Of the weights.
        metrics: Of their validation; empty where there was none.

    Raises:
        CheckpointError: The lineage of the initial checkpoint is damaged.
    """
    description = folder.describe()
    part = TrainingPart(
        recipe=description["recipe"] | {"command": description["command"]},
        commit=description["commit"],
        data=data,
        steps=step,
    )
    before = description["lineage"]
    return CheckpointHeader(
        architecture="",
        config={},
        lineage=(*(parse_lineage(before, str(folder.description)) if before else ()), part),
        metrics=dict(metrics),
        licence=LICENCE,
    )
