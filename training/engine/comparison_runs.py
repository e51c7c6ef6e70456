"""The runs of a comparison: every recipe with every seed, each in its own folder."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from model.errors import InvalidInputError
from training.engine.batches import num_steps
from training.engine.experiment import Recipe
from training.engine.loop import Outcome
from training.engine.precision import check_device
from training.engine.run import RunFolder
from training.engine.run_progress import RunProgress
from training.recipe import parse_recipe, recipe_as_dict


@dataclass(frozen=True)
class Competitor(Generic[Recipe]):
    """One recipe with one seed."""

    name: str
    """Of the recipe."""
    seed: int
    recipe: Recipe
    folder: RunFolder

    def open(self) -> None:
        """Begin the run, or check that the folder holds a run of the same recipe.

        Raises:
            InvalidInputError: It holds a run of another recipe.
        """
        wanted = recipe_as_dict(self.recipe)
        if not (self.folder.last.exists() or self.folder.previous.exists()):
            RunFolder.create(self.folder.path, wanted, self.recipe.initial)
            return
        source = str(self.folder.description)
        recipe = parse_recipe(self.folder.describe()["recipe"], type(self.recipe), source)
        stored = recipe_as_dict(recipe)
        if differing := sorted(key for key in wanted if stored[key] != wanted[key]):
            raise InvalidInputError(
                f"{self.folder.path} was trained with another {', '.join(differing)}; choose "
                "another --out"
            )

    def progress(self) -> RunProgress:
        """The state of the run."""
        return RunProgress.from_state(self.folder.load_last() or {})

    def is_over(self) -> bool:
        """Whether the run has ended."""
        stages, routine = self.recipe.stages, self.recipe.routine
        seconds = 60 * routine.processor_minutes
        return self.progress().is_over(num_steps(stages), routine.patience, seconds)


def within_budget(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe with the steps of its last stage and the processor time of the command line."""
    stages, routine = recipe.stages, recipe.routine
    if args.steps is not None:
        stages = (*stages[:-1], dataclasses.replace(stages[-1], steps=args.steps))
    if args.minutes is not None:
        routine = dataclasses.replace(routine, processor_minutes=float(args.minutes))
    changed: Recipe = dataclasses.replace(recipe, stages=stages, routine=routine)
    return changed


def competitors(
    recipes: Mapping[str, Recipe], seeds: Sequence[int], out: Path
) -> list[Competitor[Recipe]]:
    """Every recipe with every seed.

    Args:
        recipes: By name.
        seeds: Replace those of the recipes.
        out: The folder of all runs.
    """
    return [
        Competitor(
            name,
            seed,
            dataclasses.replace(recipe, seed=seed),
            RunFolder(out / f"{name}-{seed}"),
        )
        for name, recipe in recipes.items()
        for seed in seeds
    ]


def train_alike(
    chosen: Sequence[Competitor[Recipe]], train: Callable[[Recipe, RunFolder], Outcome]
) -> int | None:
    """Train the runs that have not ended, one after the other.

    Args:
        chosen: Of `competitors`.
        train: Runs an experiment from the state in its folder.

    Returns:
        None if all have ended; if one was interrupted, the exit status: 128 plus the signal.

    Raises:
        InvalidInputError: A folder holds a run of another recipe, or the device of a recipe is not
            available.
    """
    for competitor in chosen:
        check_device(competitor.recipe.device)
    for competitor in chosen:
        competitor.open()
        if competitor.is_over():
            continue
        sys.stderr.write(f"training {competitor.name}, seed {competitor.seed}\n")
        outcome = train(competitor.recipe, competitor.folder)
        if not outcome.finished:
            sys.stdout.write("stopped; the same command continues\n")
            return 0 if outcome.signal is None else 128 + outcome.signal
    return None


def trained_text(one: Competitor[Recipe]) -> str:
    """The length of a run, for the table."""
    stage = one.recipe.stages[-1]
    size = f" at {stage.image_size} px" if stage.image_size else ""
    return f"{one.progress().step} steps of {stage.batch_size}{size}"
