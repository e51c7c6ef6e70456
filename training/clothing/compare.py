"""Compares clothing networks: python -m training compare clothing --ccp DIR."""

import argparse
from pathlib import Path

from model.clothing.predictor import ClothingPredictor
from training.arguments import at_least
from training.clothing.evaluate import EVALUATION, EvaluationPhotos, labelled_photos
from training.clothing.recipe import DataRecipe
from training.clothing.report import ALL_NULL, NETWORK
from training.clothing.sources import open_photos
from training.clothing.task import FITTING
from training.engine.comparison import Comparison, Measured
from training.engine.precision import pick_device

METRICS = {
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "foreground accuracy",
    "fine_mean_iou": "fine mIoU",
    "grouped_mean_iou": "grouped mIoU",
}


VARIANTS = {
    name: (f"network.network={name}",)
    for name in (
        "unet",
        "deeplabv3_resnet50",
        "deeplabv3_resnet101",
        "deeplabv3_mobilenet_v3_large",
        "fcn_resnet101",
        "efficientnet_lite_unet",
    )
}
"""What differs from `recipes/clothing/comparison.toml`."""


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """Options of what networks are measured on."""
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="measure on so many photos at most"
    )


def measure(path: Path, args: argparse.Namespace) -> Measured:
    """A checkpoint on the test photos, at their own size."""
    predictor = ClothingPredictor.from_checkpoint(path, pick_device(args.device or "auto"))
    dataset = open_photos(DataRecipe(photos=args.ccp))
    photos = labelled_photos(EvaluationPhotos(dataset, "test", args.limit))
    found = EVALUATION.measure(predictor, [photos], batch_size=EVALUATION.batch_size)
    report = EVALUATION.report(predictor, found)
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
    fitting=FITTING,
    variants=VARIANTS,
    seeds=(0,),
    metrics=METRICS,
    configure_measuring=configure_measuring,
    measure=measure,
)
