"""Trains the silhouette network: python -m training fit silhouette [recipe.toml]."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path

from torch.utils.data import DataLoader

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.image import MINIMUM_SIDE
from model.silhouette.network import StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint
from training.engine.batches import StagedBatches, batch_loader, check_shares, num_steps
from training.engine.distributed import (
    first_process_first,
    is_first,
    joined_processes,
    num_processes,
    rank,
)
from training.engine.loop import Outcome
from training.engine.loop import fit as run_loop
from training.engine.precision import pick_device
from training.engine.run import RunFolder
from training.recipe import load_recipe, parse_recipe, recipe_as_dict
from training.silhouette.dataset import HeldOutSamples, SilhouetteBatch, TrainingSamples
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.sources import packed_pairs, packed_photos
from training.silhouette.task import build

RECIPE = Path(__file__).parents[1] / "recipes" / "silhouette_reference.toml"
CHECKPOINT_NAME = "silhouette.safetensors"
LICENCE = "Apache-2.0"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training fit silhouette`."""
    parser.add_argument(
        "recipe",
        nargs="?",
        type=Path,
        help="a TOML file (training/recipes/silhouette_reference.toml)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/silhouette"), help="the run's folder (%(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in that folder")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`: people are "
        "rendered while training goes on",
    )
    parser.add_argument("--ccp", metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument("--initial", metavar="FILE", help="checkpoint to start from")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1 ...")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the best weights there, train nothing"
    )
    parser.add_argument(
        "--input-size",
        type=int,
        metavar="PIXELS",
        help="with --export: the side that pictures are letterboxed to (the last stage's)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, or continue, or only export; 128 plus the signal when interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.export:
        export(RunFolder.open(args.out), args.export, args.input_size)
        sys.stdout.write(f"wrote {args.export}\n")
        return 0
    if args.resume:
        recipe = _resumed_recipe(args, RunFolder.open(args.out))
    else:
        recipe = _with_options(load_recipe(args.recipe or RECIPE, SilhouetteRecipe), args)
    with joined_processes(pick_device(recipe.device)):
        if not is_first():
            logging.getLogger().setLevel(logging.ERROR)
        with first_process_first():
            if is_first() and not args.resume:
                RunFolder.create(args.out, recipe_as_dict(recipe))
        folder = RunFolder.open(args.out)
        outcome = train(recipe, folder)
        if is_first():
            _conclude(recipe, folder, outcome)
    return 0 if outcome.finished or outcome.signal is None else 128 + outcome.signal


def _conclude(recipe: SilhouetteRecipe, folder: RunFolder, outcome: Outcome) -> None:
    """Say how a run ended, and export what it trained."""
    if not outcome.finished:
        sys.stdout.write(
            f"stopped after step {outcome.step}; continue with\n"
            f"  python -m training fit silhouette --out {folder.path} --resume\n"
        )
    elif recipe.baseline is not None:
        sys.stdout.write(f"trained {folder.best}; a baseline makes no checkpoint to serve\n")
    else:
        export(folder, folder.path / CHECKPOINT_NAME)
        sys.stdout.write(f"wrote {folder.path / CHECKPOINT_NAME}\n")


def train(recipe: SilhouetteRecipe, folder: RunFolder) -> Outcome:
    """Run an experiment from wherever its folder says it is.

    Raises:
        InvalidInputError: The recipe does not fit its data or itself.
        CheckpointError: What was saved to continue from is damaged.
        StorageError: The disk is full.
    """
    check_shares(recipe.stages, num_processes(), recipe.optimisation.accumulate)
    task = build(recipe)
    with first_process_first():
        if is_first():
            folder.note_session(task.device)
        samples = TrainingSamples(
            recipe,
            packed_pairs(recipe.data, held_out=False),
            packed_photos(recipe.data, held_out=False),
        )
        held_out = HeldOutSamples(
            packed_pairs(recipe.data, held_out=True),
            packed_photos(recipe.data, held_out=True),
            recipe.stages[-1].image_size,
        )

    def batches_from(step: int) -> DataLoader[SilhouetteBatch]:
        batches = StagedBatches(recipe.stages, step, rank(), num_processes())
        return batch_loader(samples, batches, recipe.routine.num_workers, task.device)

    return run_loop(
        task=task,
        batches_from=batches_from,
        judging=lambda: held_out.batches(batch_size=16),
        num_steps=num_steps(recipe.stages),
        routine=recipe.routine,
        run=folder,
        seed=recipe.seed,
    )


def export(folder: RunFolder, path: Path, input_size: int | None = None) -> None:
    """Write a run's best weights as a checkpoint that the predictor loads.

    Args:
        folder: The run's.
        path: Where to.
        input_size: Side that the predictor letterboxes pictures to; the last stage's when left out.
            Somewhat more can be better than what was trained at: augmentation shows people larger
            than they are in whole pictures (Touvron et al., Fixing the train-test resolution
            discrepancy, NeurIPS 2019).

    Raises:
        InvalidInputError: Nothing was judged yet, the size is under 16 pixels, or the network is a
            baseline.
    """
    if input_size is not None and input_size < MINIMUM_SIDE:
        raise InvalidInputError(
            f"--input-size is {input_size}; at least {MINIMUM_SIDE} pixels are needed"
        )
    description = folder.describe()
    recipe = parse_recipe(description["recipe"], SilhouetteRecipe, str(folder.description))
    if recipe.baseline is not None:
        raise InvalidInputError(f"{folder.path} trained a baseline, which is not served")
    best = folder.load_best()
    network = StackedHourglass(recipe.network)
    network.load_state_dict(best["task"]["average"])
    header = CheckpointHeader(
        architecture="",
        config={},
        trained_on=_trained_on(recipe),
        metrics=best["metrics"] | {"step": best["step"]},
        recipe=description["recipe"] | {"command": description["command"]},
        commit=description["commit"],
        licence=LICENCE,
    )
    side = input_size or recipe.stages[-1].image_size
    save_silhouette_checkpoint(path, network, side, header)


def _trained_on(recipe: SilhouetteRecipe) -> str:
    rendered = "rendered people in the SHADER layout"
    if recipe.data.photos is None:
        return rendered
    photos = f"{rendered}; street photos of Clothing Co-Parsing (Apache-2.0)"
    if not recipe.data.bone_weight:
        return photos
    return f"{photos} with bones between the landmarks that MediaPipe (Apache-2.0) finds in them"


def with_data(recipe: SilhouetteRecipe, args: argparse.Namespace) -> SilhouetteRecipe:
    """What --data, --ccp and --device name over what the recipe does."""
    data = recipe.data
    if args.data:
        data = dataclasses.replace(data, pairs=tuple(args.data))
    if args.ccp:
        data = dataclasses.replace(data, photos=args.ccp)
    return dataclasses.replace(recipe, data=data, device=args.device or recipe.device)


def _with_options(recipe: SilhouetteRecipe, args: argparse.Namespace) -> SilhouetteRecipe:
    return dataclasses.replace(with_data(recipe, args), initial=args.initial or recipe.initial)


def _resumed_recipe(args: argparse.Namespace, folder: RunFolder) -> SilhouetteRecipe:
    """The run's own recipe; one given again must be the same, else the end would be neither's."""
    stored = folder.describe()["recipe"]
    recipe = parse_recipe(stored, SilhouetteRecipe, str(folder.description))
    if args.recipe:
        given = recipe_as_dict(_with_options(load_recipe(args.recipe, SilhouetteRecipe), args))
        differing = sorted(key for key in stored if stored[key] != given.get(key))
        if differing:
            raise InvalidInputError(
                f"{args.recipe} differs from the run's recipe in {', '.join(differing)}; "
                "leave it out to continue the run as it was begun"
            )
    return _with_options(recipe, args)
