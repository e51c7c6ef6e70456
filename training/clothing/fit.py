"""Trains a clothing network: python -m training fit clothing [recipe.toml] --data DIR."""

import argparse
import dataclasses
from pathlib import Path

from model.clothing.network import ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from training.clothing.dataset import HeldOutSamples, TrainingSamples, photo_repeats
from training.clothing.recipe import ClothingRecipe
from training.clothing.sources import count_labels, packed_photos
from training.clothing.task import build
from training.engine.batches import check_shares
from training.engine.distributed import first_process_first, is_first, num_processes
from training.engine.loop import Outcome
from training.engine.precision import pick_device
from training.engine.run import RunFolder
from training.fitting import Fitting, run_header, run_stages
from training.recipe import parse_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "clothing_efficientnet_lite_unet.toml"
BEGINNINGS = {
    "none": "",
    "imagenet": "; started from torchvision's ImageNet weights",
    "coco": "; started from torchvision's COCO weights",
    "package": "; encoder started from EfficientNet-Lite's ImageNet weights (Apache-2.0)",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training fit clothing`."""
    FITTING.configure(parser)
    parser.add_argument("--data", metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument(
        "--tagged", metavar="DIR", help="folder of `data tagged`, to learn from too"
    )


def run(args: argparse.Namespace) -> int:
    """Train, or continue, or only export; 128 plus the signal when interrupted."""
    return FITTING.run(args)


def train(recipe: ClothingRecipe, folder: RunFolder) -> Outcome:
    """Run an experiment from wherever its folder says it is.

    Raises:
        InvalidInputError: The recipe does not fit its data or itself.
        CheckpointError: What was saved to continue from is damaged.
        StorageError: The disk is full.
    """
    check_shares(recipe.stages, num_processes(), recipe.optimisation.accumulate)
    with first_process_first():
        if is_first():
            folder.note_session(pick_device(recipe.device))
        photos = packed_photos(recipe.data, held_out=False)
        held_out_photos = packed_photos(recipe.data, held_out=True)
    label_pixels = count_labels(photos)
    task = build(recipe, label_pixels.sum(0))
    repeats = photo_repeats(label_pixels, recipe.data.repeat_threshold)
    samples = TrainingSamples(photos, repeats, recipe.augmentation, recipe.seed)
    held_out = HeldOutSamples(held_out_photos, recipe.stages[-1].image_size)
    return run_stages(recipe, folder, task, samples, lambda: held_out.batches(batch_size=8))


def export(folder: RunFolder, path: Path, input_size: int | None = None) -> None:
    """Write a run's best weights as a checkpoint that the predictor loads, in half precision.

    Args:
        folder: The run's.
        path: Where to.
        input_size: Side that the predictor letterboxes pictures to; the height of the last stage's
            samples when left out, so that upright pictures are seen as large as they were learned.

    Raises:
        InvalidInputError: Nothing was judged yet.
    """
    description = folder.describe()
    recipe = parse_recipe(description["recipe"], ClothingRecipe, str(folder.description))
    network = ClothingNetwork(recipe.network)
    network.load_state_dict(folder.load_best()["task"]["average"])
    header = run_header(folder, _data(recipe))
    side = input_size or recipe.stages[-1].image_size
    save_clothing_checkpoint(path, network, side, header)


def _data(recipe: ClothingRecipe) -> str:
    photos = "street photos of Clothing Co-Parsing (Apache-2.0)"
    if recipe.data.tagged is not None:
        photos += ", and those of its tagged photos that a network labelled by their tags"
    return photos + BEGINNINGS[recipe.weights]


def with_data(recipe: ClothingRecipe, args: argparse.Namespace) -> ClothingRecipe:
    """What --data and --device name over what the recipe does."""
    data = dataclasses.replace(recipe.data, photos=args.data or recipe.data.photos)
    return dataclasses.replace(recipe, data=data, device=args.device or recipe.device)


def _with_options(recipe: ClothingRecipe, args: argparse.Namespace) -> ClothingRecipe:
    recipe = with_data(recipe, args)
    data = dataclasses.replace(recipe.data, tagged=args.tagged or recipe.data.tagged)
    return dataclasses.replace(recipe, data=data, initial=args.initial or recipe.initial)


FITTING = Fitting(
    slug="clothing",
    kind=ClothingRecipe,
    default=RECIPE,
    with_options=_with_options,
    train=train,
    export=export,
)
