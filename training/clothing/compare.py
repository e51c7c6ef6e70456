"""Trains the clothing networks alike and puts their numbers side by side.

Every recipe is trained once for each seed, and measured as `evaluate clothing` measures: on
held-out photos, through the predictor, at the photos' own size. The weights are those with the best
score of the run, chosen by the same photos; that favours nobody. The command can be interrupted and
called again: what is done is not done twice. Checkpoints that were trained otherwise can be
measured too; the table says which rows they are.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from model.clothing.predictor import ClothingPredictor
from training.arguments import at_least, device, output_folder
from training.clothing.evaluate import evaluate
from training.clothing.fit import export, train, with_data
from training.clothing.measure import TrainingPhotos, count_training_photos
from training.clothing.recipe import ClothingRecipe, DataRecipe
from training.clothing.reports import NETWORK
from training.clothing.sources import LabelledDataset, open_photos
from training.comparison import competitors, named, train_alike
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.recipe import load_recipe
from training.reporting.spread import spread_text, summarise
from training.reporting.tables import markdown

RECIPES = Path(__file__).parents[1] / "recipes" / "comparison_clothing"
PUBLISHED = {
    "unet": 0.845,
    "deeplabv3_resnet50": 0.838,
    "deeplabv3_mobilenet_v3_large": 0.863,
    "fcn_resnet101": 0.873,
}
"""Pixel accuracies that the ClothVision project (github.com/KrishT97/ClothVision) gives for its own
test photos, by network."""
METRICS = {
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "foreground accuracy",
    "fine_mean_iou": "fine mIoU",
    "grouped_mean_iou": "grouped mIoU",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare clothing`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument(
        "recipes",
        nargs="*",
        type=Path,
        help="TOML files; the networks of training/recipes/comparison_clothing when left out",
    )
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument("--seeds", type=at_least(0), nargs="+", default=[0], help="(0)")
    parser.add_argument(
        "--also",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="checkpoints to measure too",
    )
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="measure on so many photos at most"
    )
    parser.add_argument(
        "--out", type=output_folder, default="runs/comparison-clothing", help="(%(default)s)"
    )
    parser.add_argument("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, then write the table; 128 plus the signal when interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    paths = named([*(args.recipes or sorted(RECIPES.glob("*.toml"))), *args.also])
    recipes = {
        name: with_data(load_recipe(path, ClothingRecipe), args)
        for name, path in paths.items()
        if path not in args.also
    }
    dataset = open_photos(DataRecipe(photos=args.data))
    training = count_training_photos(dataset)
    chosen = competitors(recipes, args.seeds, args.out)
    if (status := train_alike(chosen, train)) is not None:
        return status
    files = {}
    for one in chosen:
        files[one.name, one.seed] = one.folder.path / "clothing.safetensors"
        export(one.folder, files[one.name, one.seed])
    files |= {(path.stem, 0): path for path in args.also}
    rows: list[dict[str, Any]] = []
    costs: dict[str, dict[str, Any]] = {}
    for (name, seed), path in files.items():
        cache = args.out / f"{name}-{seed}.json"
        report = measured(path, dataset, training, cache, args)
        rows.append({"network": name, "seed": seed, **report["metrics"]})
        costs.setdefault(name, report["cost"] | {"budget": _budget(recipes.get(name))})
    summary = summarise(pd.DataFrame(rows), costs, tuple(METRICS))
    write_text(args.out / "runs.csv", pd.DataFrame(rows).to_csv(index=False))
    write_text(args.out / "comparison.json", json.dumps(summary, indent=2) + "\n")
    text = table(summary)
    write_text(args.out / "comparison.md", text)
    sys.stdout.write(text)
    return 0


def measured(
    path: Path,
    dataset: LabelledDataset,
    training: TrainingPhotos,
    cache: Path,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """A checkpoint's numbers and its cost; from the cache where the same weights were measured.

    Args:
        path: The checkpoint.
        dataset: Where photos come from.
        training: What there is to learn from.
        cache: JSON file; delete it to measure anew.
        args: `limit` and `device`.
    """
    predictor = ClothingPredictor.from_checkpoint(path, pick_device(args.device or "auto"))
    assert predictor.header is not None
    stamp = f"{predictor.header.sha256} {args.limit}"
    if cache.exists() and (kept := json.loads(cache.read_text()))["stamp"] == stamp:
        return dict(kept)
    sys.stderr.write(f"measuring {path}\n")
    _, report = evaluate(predictor, dataset, training, args.limit)
    fine, grouped = report["fine"][NETWORK], report["grouped"][NETWORK]
    network = predictor.header.config["network"]["network"]
    found = {
        "stamp": stamp,
        "metrics": {
            "pixel_accuracy": fine["pixel_accuracy"],
            "foreground_accuracy": fine["foreground_accuracy"],
            "fine_mean_iou": fine["mean_iou"],
            "grouped_mean_iou": grouped["mean_iou"],
        },
        "cost": report["cost"]
        | {
            "published": PUBLISHED.get(network),
            "photos": report["photos"],
            "all_null": report["fine"]["all null"]["pixel_accuracy"],
        },
    }
    write_text(cache, json.dumps(found, indent=2) + "\n")
    return found


def table(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """The table as Markdown, a row a network, and what it does not show."""
    head = ["network", "trained", *METRICS.values(), "parameters (M)", "GMAC", "at", "ms a photo"]
    rows = [
        [
            name,
            row["budget"],
            *(spread_text(row[metric]) for metric in METRICS),
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['giga_macs']:.2f}",
            f"{row['input_size']} px",
            f"{row['ms_one_thread'] or row['ms_all_threads']:.0f}",
            "-" if row["published"] is None else f"{row['published']:.3f}",
        ]
        for name, row in summary.items()
    ]
    first = next(iter(summary.values()))
    words = _REMARKS.format(photos=first["photos"], all_null=first["all_null"])
    return f"{markdown([*head, 'published accuracy'], rows)}\n\n{words}"


_REMARKS = """\
Measured on {photos} photos kept out of training, at their own size; null counts in the pixel
accuracy, so that saying null everywhere scores {all_null:.3f}. Fine mIoU is over the labels,
grouped mIoU over the groups that are in these photos' truth, null among them. Parameters and
multiply-adds are those of the network as it is served, without an auxiliary head, for one photo in
a square of the size beside them. Milliseconds are the median from a photo to its labels, one
thread's processor time (the clock's where there is none).

The published accuracies are ClothVision's own (github.com/KrishT97/ClothVision): pixel accuracy
with null, on its own random 15 % of the photos, after 32 to 90 epochs at 496 x 304 pixels, the
torchvision networks from weights learned on COCO. Recipe and split differ from those of the rows
here, which a short training from drawn weights made unless they say otherwise: the rows can be
compared with one another, not with that column.
"""


def _budget(recipe: ClothingRecipe | None) -> str:
    """What a row was trained with, in a few words."""
    if recipe is None:
        return "checkpoint"
    return ", ".join(f"{s.steps} x {s.batch_size} at {s.image_size} px" for s in recipe.stages) + (
        "" if recipe.weights == "none" else f", from {recipe.weights}"
    )
