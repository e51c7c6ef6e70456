"""The runs of a comparison: every recipe with every seed, each in a folder of its own."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from model.errors import InvalidInputError
from training.engine.batches import num_steps
from training.engine.experiment import Experiment, Recipe
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


def within_budget(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe with the steps of its last stage and the processor time that are asked for."""
    stages, routine = recipe.stages, recipe.routine
    if args.steps is not None:
        stages = (*stages[:-1], dataclasses.replace(stages[-1], steps=args.steps))
    if args.minutes is not None:
        routine = dataclasses.replace(routine, processor_minutes=float(args.minutes))
    # mypy cannot see that a type with these properties is a dataclass.
    changed: Recipe = dataclasses.replace(recipe, stages=stages, routine=routine)  # type: ignore[type-var]
    return changed


def competitors(
    recipes: Mapping[str, Recipe], seeds: Sequence[int], out: Path
) -> list[Competitor[Recipe]]:
    """Every recipe with every seed, each in a folder of its own.

    Args:
        recipes: By name.
        seeds: Take the place of the recipes' own.
        out: The folder of all.
    """
    found = []
    for name, given in recipes.items():
        for seed in seeds:
            # mypy cannot see that a type with these properties is a dataclass.
            recipe: Recipe = dataclasses.replace(given, seed=seed)  # type: ignore[type-var]
            folder = RunFolder(out / f"{name}-{seed}")
            found.append(Competitor(name, seed, recipe, folder))
    return found


def train_alike(
    chosen: Sequence[Competitor[Recipe]], train: Callable[[Recipe, RunFolder], Outcome]
) -> int | None:
    """Train what is not trained yet, one after the other.

    Args:
        chosen: Of `competitors`.
        train: Runs an experiment from wherever its folder says it is.

    Returns:
        None when all are trained; the exit status when one was interrupted: 128 plus the signal.

    Raises:
        InvalidInputError: A folder holds a run of another recipe, or a recipe names a device that
            is not here.
    """
    for competitor in chosen:
        check_device(competitor.recipe.device)
    for competitor in chosen:
        _open(competitor.folder.path, competitor.recipe)
        progress = _progress(competitor.folder)
        if progress is not None and _is_over(progress, competitor.recipe):
            continue
        sys.stderr.write(f"{competitor.name}, seed {competitor.seed}\n")
        outcome = train(competitor.recipe, competitor.folder)
        if not outcome.finished:
            sys.stdout.write("stopped; the same command continues\n")
            return 0 if outcome.signal is None else 128 + outcome.signal
    return None


def _open(path: Path, recipe: Experiment) -> None:
    """A new run, or the one that was begun there with the same recipe."""
    wanted = recipe_as_dict(recipe)
    folder = RunFolder(path)
    if not any(file.exists() for file in (folder.last, folder.previous)):
        RunFolder.create(path, wanted, recipe.initial)
        return
    stored = recipe_as_dict(
        parse_recipe(folder.describe()["recipe"], type(recipe), str(folder.description))
    )
    if differing := sorted(key for key in wanted if stored[key] != wanted[key]):
        raise InvalidInputError(
            f"{path} was trained with another {', '.join(differing)}; choose another --out"
        )


def _progress(folder: RunFolder) -> RunProgress | None:
    state = folder.load_last()
    return None if state is None else RunProgress.from_state(state)


def _is_over(progress: RunProgress, recipe: Experiment) -> bool:
    routine = recipe.routine
    return progress.is_over(
        num_steps(recipe.stages), routine.patience, 60 * routine.processor_minutes
    )


def trained_text(one: Competitor[Recipe]) -> str:
    """How long, in a few words."""
    progress, stage = _progress(one.folder), one.recipe.stages[-1]
    assert progress is not None
    return f"{progress.step} steps of {stage.batch_size} at {stage.image_size} px"
