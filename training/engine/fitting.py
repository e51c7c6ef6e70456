"""`python -m training fit` for every capability that learns from a recipe."""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple

from torch import nn
from torch.utils.data import DataLoader, Dataset

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.image import MINIMUM_SIDE
from training.arguments import at_least, device, output_file, output_folder
from training.engine.batches import StagedBatches, batch_loader, check_shares, num_steps
from training.engine.distributed import (
    first_process_first,
    is_first,
    joined_processes,
    num_processes,
    rank,
)
from training.engine.experiment import Batch, Recipe, run_header
from training.engine.loop import Outcome
from training.engine.loop import fit as run_loop
from training.engine.precision import check_device, pick_device
from training.engine.run import RunFolder
from training.engine.tasks import SupervisedTask
from training.recipe import load_recipe, parse_recipe, recipe_as_dict


class TrainingData(NamedTuple, Generic[Batch]):
    """The data of a run, and the task that learns from it."""

    samples: Dataset[Batch]
    """One for every `SampleKey`."""
    validation_batches: Callable[[], Iterable[Batch]]
    """Held-out batches that choose the best step; only the first process reads them."""
    build_task: Callable[[], SupervisedTask[Batch]]
    """Builds the task before its first step."""


@dataclass(frozen=True)
class Fitting(Generic[Recipe]):
    """What differs between capabilities."""

    slug: str
    kind: type[Recipe]
    default: Path
    """The recipe that is used when the command line names none."""
    configure_data: Callable[[argparse.ArgumentParser], None]
    """Adds the options that name the data."""
    with_data: Callable[[Recipe, argparse.Namespace], Recipe]
    """The recipe with the data that the command line names."""
    prepare: Callable[[Recipe], TrainingData[Any]]
    """Reads, checks and packs the data. One process does this while the others wait."""
    network: Callable[[Recipe], nn.Module]
    """Builds an untrained network."""
    save: Callable[[Path, Any, int, CheckpointHeader], None]
    """Writes a checkpoint that the predictor loads, from path, network, input size and header."""
    describe_data: Callable[[Recipe], str]
    """Describes the training data in words, for the header."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options that all capabilities have."""
        parser.add_argument(
            "--recipe",
            type=Path,
            metavar="TOML",
            help=f"what to train (training/recipes/{self.slug}/{self.default.name})",
        )
        parser.add_argument(
            "--set",
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help="change the recipe, such as --set optimisation.learning_rate=1e-4 seed=3",
        )
        parser.add_argument(
            "--out",
            type=output_folder,
            default=f"runs/{self.slug}",
            help="the run's folder (%(default)s)",
        )
        parser.add_argument("--resume", action="store_true", help="continue the run in that folder")
        parser.add_argument("--prepare", action="store_true", help="only check and pack the data")
        parser.add_argument("--initial", metavar="FILE", help="checkpoint to start from")
        parser.add_argument("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")
        parser.add_argument("--seed", type=at_least(0), metavar="N", help="of all random numbers")
        parser.add_argument(
            "--export", type=output_file, metavar="FILE", help="only write the run's best weights"
        )
        parser.add_argument(
            "--input-size",
            type=at_least(MINIMUM_SIDE),
            metavar="PIXELS",
            help="with --export: the side that pictures are letterboxed to (of the last stage)",
        )
        self.configure_data(parser)

    def with_options(self, recipe: Recipe, args: argparse.Namespace) -> Recipe:
        """The recipe with the data, device, seed and initial weights of the command line."""
        recipe = self.with_data(recipe, args)
        given = {name: getattr(args, name, None) for name in ("initial", "device", "seed")}
        changes = {name: value for name, value in given.items() if value is not None}
        changed: Recipe = dataclasses.replace(recipe, **changes)
        return changed

    def run(self, args: argparse.Namespace) -> int:
        """Train, continue, prepare or export; the exit status is 128 plus the signal of a stop."""
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        if args.export:
            self.export(RunFolder.open(args.out), args.export, args.input_size)
            sys.stdout.write(f"wrote {args.export}\n")
            return 0
        if args.resume:
            recipe = self._resumed_recipe(args, RunFolder.open(args.out))
        else:
            recipe = load_recipe(args.recipe or self.default, self.kind, args.set)
            recipe = self.with_options(recipe, args)
        if args.prepare:
            self.prepare(recipe)
            sys.stdout.write("the data is ready; the same command without --prepare trains\n")
            return 0
        check_device(recipe.device)
        with joined_processes(pick_device(recipe.device)):
            if not is_first():
                logging.getLogger().setLevel(logging.ERROR)
            with first_process_first():
                if is_first() and not args.resume:
                    RunFolder.create(args.out, recipe_as_dict(recipe), recipe.initial)
            self._announce(recipe, args)
            folder = RunFolder.open(args.out)
            outcome = self.train(recipe, folder)
            if is_first():
                self._conclude(folder, outcome, args)
        return 0 if outcome.finished or outcome.signal is None else 128 + outcome.signal

    def train(self, recipe: Recipe, folder: RunFolder) -> Outcome:
        """Run an experiment from the state in its folder, if there is one, to its end.

        Raises:
            InvalidInputError: The recipe does not fit the data, or contradicts itself.
            CheckpointError: The saved state is damaged.
            StorageError: The disk is full.
        """
        check_shares(recipe.stages, num_processes(), recipe.optimisation.accumulate)
        with first_process_first():
            if is_first():
                folder.note_session(pick_device(recipe.device))
            data = self.prepare(recipe)
        task = data.build_task()
        processes = (rank(), num_processes())

        def batches_from(step: int) -> DataLoader[Any]:
            batches = StagedBatches(recipe.stages, step, *processes)
            return batch_loader(data.samples, batches, recipe.routine.num_workers, task.device)

        return run_loop(
            task=task,
            batches_from=batches_from,
            judging=data.validation_batches,
            num_steps=num_steps(recipe.stages),
            routine=recipe.routine,
            run=folder,
            seed=recipe.seed,
        )

    def export(self, folder: RunFolder, path: Path, input_size: int | None = None) -> None:
        """Write a run's best weights as a checkpoint that the predictor loads.

        Args:
            folder: Of the run.
            path: Of the checkpoint.
            input_size: Side that the predictor letterboxes pictures to; by default that of the last
                stage. A somewhat larger one can be better, since people are larger in augmented
                pictures (Touvron et al., Fixing the train-test resolution discrepancy, NeurIPS
                2019).

        Raises:
            InvalidInputError: There was no validation yet.
        """
        stored = folder.describe()["recipe"]
        recipe = parse_recipe(stored, self.kind, str(folder.description))
        network = self.network(recipe)
        network.load_state_dict(folder.load_best()["task"]["average"])
        side = input_size or recipe.stages[-1].image_size
        self.save(path, network, side, run_header(folder, self.describe_data(recipe)))

    def _announce(self, recipe: Recipe, args: argparse.Namespace) -> None:
        """Say what will be trained, on what data, from which weights, and where the results go."""
        stages = ", then ".join(
            f"{one.steps} steps of {one.batch_size} pictures at {one.image_size} px"
            for one in recipe.stages
        )
        weights = getattr(recipe, "weights", "none")
        start = recipe.initial or ("random weights" if weights == "none" else weights)
        logging.getLogger(__name__).info(
            "%s the %s network on %s: %s\n  data: %s\n  initialised from: %s\n  run folder: %s",
            "continuing" if args.resume else "training",
            self.slug,
            pick_device(recipe.device),
            stages,
            self.describe_data(recipe),
            start,
            args.out,
        )

    def _conclude(self, folder: RunFolder, outcome: Outcome, args: argparse.Namespace) -> None:
        """Export the best weights of a finished run; say what to do next."""
        if not outcome.finished:
            sys.stdout.write(
                f"stopped after step {outcome.step}; continue with\n"
                f"  python -m training fit {self.slug} --out {folder.path} --resume\n"
            )
            return
        checkpoint = folder.path / f"{self.slug}.safetensors"
        self.export(folder, checkpoint, None)
        data = [f" --data {' '.join(args.data)}"] if getattr(args, "data", None) else []
        for name in ("ccp", "frames"):
            if getattr(args, name, None):
                data.append(f" --{name} {getattr(args, name)}")
        sys.stdout.write(
            f"wrote {checkpoint}, with a validation score of {outcome.metrics['score']:.4f}; "
            f"measure it with\n  python -m training evaluate {self.slug} --checkpoint "
            f"{checkpoint}{''.join(data) or ' ...'}\n"
        )

    def _resumed_recipe(self, args: argparse.Namespace, folder: RunFolder) -> Recipe:
        """The recipe of the run. A recipe on the command line must be the same."""
        recipe = parse_recipe(folder.describe()["recipe"], self.kind, str(folder.description))
        if args.set and not args.recipe:
            raise InvalidInputError("--set changes a new run's recipe; a resumed run keeps its own")
        if args.recipe:
            # Parsed: keys that the run's recipe left out have their defaults.
            stored = recipe_as_dict(recipe)
            read = load_recipe(args.recipe, self.kind, args.set)
            given = recipe_as_dict(self.with_options(read, args))
            differing = sorted(key for key in stored if stored[key] != given.get(key))
            if differing:
                raise InvalidInputError(
                    f"{args.recipe} differs from the run's recipe in {', '.join(differing)}; "
                    "name no recipe to continue with the run's own"
                )
        return self.with_options(recipe, args)
