"""Compares silhouette networks: python -m training compare silhouette --data DIR --ccp DIR."""

import argparse
from pathlib import Path

from model.silhouette.architectures import build
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least
from training.comparison import Comparison, Measured
from training.datasets.ccp import ClothingCoParsing
from training.datasets.people import PersonPhotos
from training.engine.precision import pick_device
from training.reporting.cost import giga_flops
from training.silhouette.evaluation import Evaluation
from training.silhouette.fit import export, train, with_data
from training.silhouette.heldout import SyntheticPeople, SyntheticSettings
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.scores import DRESSED, NETWORK

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


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare silhouette`."""
    COMPARISON.configure(parser)
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`",
    )
    parser.add_argument("--ccp", required=True, metavar="DIR", help="folder of Clothing Co-Parsing")
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


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, measure, write the table."""
    return COMPARISON.run(args)


def measure(path: Path, args: argparse.Namespace) -> Measured:
    """A checkpoint on the test people and photos."""
    predictor = SilhouettePredictor.from_checkpoint(path, pick_device(args.device or "auto"))
    evaluation = Evaluation(predictor, None)
    evaluation.measure_people(SyntheticPeople(SyntheticSettings(num_subjects=args.subjects)))
    evaluation.measure_photos(ClothingCoParsing.open(Path(args.ccp)), "test")
    report = evaluation.report
    metrics = {**report["rendered"][NETWORK], **report["photos"], "iou_people": float("nan")}
    if args.people is not None:
        evaluation.measure_elsewhere(PersonPhotos.open(args.people))
        metrics["iou_people"] = evaluation.report["people"][NETWORK]["iou"]
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
    slug="silhouette",
    kind=SilhouetteRecipe,
    seeds=(0, 1),
    metrics=METRICS,
    with_options=with_data,
    train=train,
    export=export,
    measure=measure,
)
