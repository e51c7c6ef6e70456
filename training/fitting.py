"""What `python -m training fit` does alike for every capability that learns from a recipe."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.checkpoint import CheckpointHeader, TrainingPart, parse_lineage
from model.errors import InvalidInputError
from model.image import MINIMUM_SIDE
from training.arguments import at_least, device, output_file, output_folder
from training.engine.batches import Stage, StagedBatches, batch_loader, num_steps
from training.engine.distributed import (
    first_process_first,
    is_first,
    joined_processes,
    num_processes,
    rank,
)
from training.engine.loop import Outcome, Routine
from training.engine.loop import fit as run_loop
from training.engine.precision import check_device, pick_device
from training.engine.run import RunFolder
from training.engine.tasks import SupervisedTask
from training.recipe import load_recipe, parse_recipe, recipe_as_dict

LICENCE = "Apache-2.0"


class Experiment(Protocol):
    """What every recipe says."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Sizes and batches."""
        ...

    @property
    def routine(self) -> Routine:
        """What happens when."""
        ...

    @property
    def initial(self) -> str | None:
        """Checkpoint that the weights start from."""
        ...

    @property
    def seed(self) -> int:
        """Of everything random."""
        ...

    @property
    def device(self) -> str:
        """Where to compute."""
        ...


Recipe = TypeVar("Recipe", bound=Experiment)
Batch = TypeVar("Batch", bound=tuple[Tensor, ...])


@dataclass(frozen=True)
class Fitting(Generic[Recipe]):
    """What differs between capabilities."""

    slug: str
    kind: type[Recipe]
    default: Path
    """The recipe that is trained when none is named."""
    with_options: Callable[[Recipe, argparse.Namespace], Recipe]
    """What the command line names over what the recipe does."""
    train: Callable[[Recipe, RunFolder], Outcome]
    """An experiment from wherever its folder says it is."""
    export: Callable[[RunFolder, Path, int | None], None]
    """A run's best weights to a file, for pictures of the given size or of the last stage's."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options that all capabilities have."""
        parser.add_argument(
            "recipe",
            nargs="?",
            type=Path,
            help=f"a TOML file (training/recipes/{self.default.name})",
        )
        parser.add_argument(
            "--out",
            type=output_folder,
            default=f"runs/{self.slug}",
            help="the run's folder (%(default)s)",
        )
        parser.add_argument("--resume", action="store_true", help="continue the run in that folder")
        parser.add_argument("--initial", metavar="FILE", help="checkpoint to start from")
        parser.add_argument("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")
        parser.add_argument(
            "--export",
            type=output_file,
            metavar="FILE",
            help="write the best weights there, no training",
        )
        parser.add_argument(
            "--input-size",
            type=at_least(MINIMUM_SIDE),
            metavar="PIXELS",
            help="with --export: the side that pictures are letterboxed to (the last stage's)",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Train, or continue, or only export; 128 plus the signal when interrupted."""
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        if args.export:
            self.export(RunFolder.open(args.out), args.export, args.input_size)
            sys.stdout.write(f"wrote {args.export}\n")
            return 0
        if args.resume:
            recipe = self._resumed_recipe(args, RunFolder.open(args.out))
        else:
            recipe = self.with_options(load_recipe(args.recipe or self.default, self.kind), args)
        check_device(recipe.device)
        with joined_processes(pick_device(recipe.device)):
            if not is_first():
                logging.getLogger().setLevel(logging.ERROR)
            with first_process_first():
                if is_first() and not args.resume:
                    RunFolder.create(args.out, recipe_as_dict(recipe), recipe.initial)
            folder = RunFolder.open(args.out)
            outcome = self.train(recipe, folder)
            if is_first():
                self._conclude(folder, outcome)
        return 0 if outcome.finished or outcome.signal is None else 128 + outcome.signal

    def _conclude(self, folder: RunFolder, outcome: Outcome) -> None:
        """Say how a run ended, and export what it trained."""
        if not outcome.finished:
            sys.stdout.write(
                f"stopped after step {outcome.step}; continue with\n"
                f"  python -m training fit {self.slug} --out {folder.path} --resume\n"
            )
        else:
            checkpoint = folder.path / f"{self.slug}.safetensors"
            self.export(folder, checkpoint, None)
            sys.stdout.write(f"wrote {checkpoint}\n")

    def _resumed_recipe(self, args: argparse.Namespace, folder: RunFolder) -> Recipe:
        """The run's own; one given again must be the same, else the end would be neither's."""
        recipe = parse_recipe(folder.describe()["recipe"], self.kind, str(folder.description))
        if args.recipe:
            # Parsed: a run that was begun before there was some key has its default.
            stored = recipe_as_dict(recipe)
            given = recipe_as_dict(self.with_options(load_recipe(args.recipe, self.kind), args))
            differing = sorted(key for key in stored if stored[key] != given.get(key))
            if differing:
                raise InvalidInputError(
                    f"{args.recipe} differs from the run's recipe in {', '.join(differing)}; "
                    "leave it out to continue the run as it was begun"
                )
        return self.with_options(recipe, args)


def run_stages(
    recipe: Experiment,
    folder: RunFolder,
    task: SupervisedTask[Batch],
    samples: Dataset[Batch],
    judging: Callable[[], Iterable[Batch]],
) -> Outcome:
    """All stages of an experiment, from wherever its folder says it is.

    Args:
        recipe: Of the experiment.
        folder: Of the run.
        task: Fresh.
        samples: One for every `SampleKey`.
        judging: The held-out batches.

    Raises:
        CheckpointError: What was saved to continue from is damaged.
        StorageError: The disk is full.
    """

    def batches_from(step: int) -> DataLoader[Batch]:
        batches = StagedBatches(recipe.stages, step, rank(), num_processes())
        return batch_loader(samples, batches, recipe.routine.num_workers, task.device)

    return run_loop(
        task=task,
        batches_from=batches_from,
        judging=judging,
        num_steps=num_steps(recipe.stages),
        routine=recipe.routine,
        run=folder,
        seed=recipe.seed,
    )


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
