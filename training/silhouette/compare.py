"""Compares silhouette networks: python -m training compare silhouette --data DIR --ccp DIR."""

import argparse
from pathlib import Path
from typing import Any

from model.errors import InvalidInputError
from model.silhouette.architectures import build
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least
from training.datasets.ccp import ClothingCoParsing
from training.datasets.evaluation_pictures import (
    LabelledStreetPhotos,
    PhotosWithMasks,
    SyntheticPeople,
    SyntheticSettings,
)
from training.datasets.people import PersonPhotos
from training.engine.comparison import Comparison, Measured
from training.engine.precision import pick_device
from training.reporting.cost import giga_flops
from training.reporting.scoring import SampleSet
from training.silhouette.evaluate import EVALUATION
from training.silhouette.metrics import DRESSED, NETWORK
from training.silhouette.summary import photos_with_masks, rendered_people, street_photos
from training.silhouette.task import FITTING

METRICS = {
    "iou_body": "IoU, body",
    "iou_target": "IoU, target",
    "mae": "MAE",
    "mae_cloth": "MAE, cloth",
    "median_skin": "skin",
    "median_background": "background",
    "auroc": "AUROC",
    "iou_people": "IoU, people elsewhere",
}
"""The first four on rendered people, the next three on street photos."""


VARIANTS: dict[str, tuple[str, ...]] = {
    "reference_hourglass": (),
    "refined_hourglass": ("network.refinement_width=48",),
    "efficientnet_lite_unet": ("lite.variant=2", "lite.decoder_widths=[160, 128, 96, 64]"),
}
"""What differs from `recipes/silhouette/comparison.toml`."""


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """Options of what networks are measured on."""
    parser.add_argument(
        "--people", type=Path, metavar="DIR", help="photos of people from elsewhere, with masks"
    )
    parser.add_argument(
        "--subjects",
        type=at_least(2),
        default=100,
        metavar="N",
        help="rendered people to measure on (%(default)s)",
    )


def measure(path: Path, args: argparse.Namespace) -> Measured:
    """A checkpoint on the test people and photos."""
    if args.ccp is None:
        raise InvalidInputError("networks are measured on street photos: give their folder, --ccp")
    predictor = SilhouettePredictor.from_checkpoint(path, pick_device(args.device or "auto"))
    synthetic = SyntheticPeople(SyntheticSettings(num_subjects=args.subjects))
    photos = LabelledStreetPhotos(ClothingCoParsing.open(Path(args.ccp)), "test")
    sets: list[SampleSet[Any]] = [rendered_people(synthetic), street_photos(photos)]
    if args.people is not None:
        sets.append(photos_with_masks(PhotosWithMasks(PersonPhotos.open(args.people))))
    report = EVALUATION.report(predictor, EVALUATION.measure(predictor, sets))
    metrics = {**report["rendered"][NETWORK], **report["photos"], "iou_people": float("nan")}
    if args.people is not None:
        metrics["iou_people"] = report["people"][NETWORK]["iou"]
    return Measured(
        metrics={name: metrics[name] for name in METRICS},
        cost=_cost(predictor),
        baselines={DRESSED: report["rendered"][DRESSED]},
    )


def _cost(predictor: SilhouettePredictor) -> dict[str, str]:
    assert predictor.header is not None
    network = build(predictor.header.architecture, predictor.header.config["network"])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        "parameters (M)": f"{parameters / 1e6:.2f}",
        "GFLOP at 256 px": f"{giga_flops(network):.2f}",
    }


COMPARISON = Comparison(
    fitting=FITTING,
    variants=VARIANTS,
    seeds=(0, 1),
    metrics=METRICS,
    configure_measuring=configure_measuring,
    measure=measure,
)
