"""What every experiment has: its recipe's fields, and the header of its checkpoint."""

from dataclasses import dataclass, field
from typing import TypeVar

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
