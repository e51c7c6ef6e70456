"""Compares clothing networks: python -m training compare clothing --data DIR."""

import argparse
from pathlib import Path

from model.clothing.predictor import ClothingPredictor
from training.arguments import at_least
from training.clothing.evaluate import evaluate
from training.clothing.fit import export, train, with_data
from training.clothing.recipe import ClothingRecipe, DataRecipe
from training.clothing.reports import ALL_NULL, NETWORK
from training.clothing.sources import open_photos
from training.comparison import Comparison, Measured
from training.engine.precision import pick_device

METRICS = {
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "foreground accuracy",
    "fine_mean_iou": "fine mIoU",
    "grouped_mean_iou": "grouped mIoU",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare clothing`."""
    COMPARISON.configure(parser)
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="measure on so many photos at most"
    )


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, measure, write the table."""
    return COMPARISON.run(args)


def measure(path: Path, args: argparse.Namespace) -> Measured:
    """A checkpoint on the test photos, at their own size."""
    predictor = ClothingPredictor.from_checkpoint(path, pick_device(args.device or "auto"))
    dataset = open_photos(DataRecipe(photos=args.data))
    _, report = evaluate(predictor, dataset, "test", args.limit)
    cost = report["cost"]
    return Measured(
        metrics=_metrics(report["fine"][NETWORK], report["grouped"][NETWORK]),
        cost={
            "parameters (M)": f"{cost['parameters'] / 1e6:.2f}",
            "GMAC": f"{cost['giga_macs']:.2f}",
        },
        baselines={ALL_NULL: _metrics(report["fine"][ALL_NULL], report["grouped"][ALL_NULL])},
    )


def _metrics(fine: dict[str, float], grouped: dict[str, float]) -> dict[str, float]:
    return {
        "pixel_accuracy": fine["pixel_accuracy"],
        "foreground_accuracy": fine["foreground_accuracy"],
        "fine_mean_iou": fine["mean_iou"],
        "grouped_mean_iou": grouped["mean_iou"],
    }


COMPARISON = Comparison(
    slug="clothing",
    kind=ClothingRecipe,
    seeds=(0,),
    metrics=METRICS,
    with_options=with_data,
    train=train,
    export=export,
    measure=measure,
)
