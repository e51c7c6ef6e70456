"""What regressors are measured on: rendered people, street photos, a person before four cameras."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.checkpoint import load_header
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import ARCHITECTURE
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import add_ccp
from training.datasets.ccp_kaggle import open_ccp
from training.reconstruction import report
from training.reconstruction.estimating import Estimator
from training.reconstruction.origins import told_seeds
from training.reconstruction.people_report import PeopleReport
from training.reconstruction.people_scores import (
    Looks,
    PersonItem,
    PersonScore,
    PersonScorer,
    TestPeople,
)
from training.reconstruction.photo_scores import street_photos
from training.reconstruction.stored_people import StoredPeople, read_settings
from training.reconstruction.view_scores import calibrated_views
from training.reconstruction.whole_way import WholeWay
from training.reporting.evaluation import Evaluation
from training.reporting.scoring import SampleSet

SILHOUETTE = Path("checkpoints/silhouette.safetensors")


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name what is measured on, and how."""
    add = parser.add_argument
    add(
        "--people",
        type=Path,
        nargs="+",
        default=[],
        metavar="PREPARED",
        help="folders of `data reconstruction`, of rendered people that nothing was learned from",
    )
    add_ccp(parser)
    add("--pose2sim", type=Path, metavar="DIR", help="a real person before four cameras")
    add(
        "--silhouette",
        type=Path,
        default=SILHOUETTE,
        metavar="FILE",
        help="checkpoint that looks for people in photos (%(default)s)",
    )
    add(
        "--refine", action="store_true", help="measure refined bodies too, and on photos only those"
    )
    add(
        "--dressed",
        type=Path,
        metavar="FILE",
        help="checkpoint of a regressor that was trained on dressed silhouettes, to compare with",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other before anything is measured.

    Raises:
        InvalidInputError: They do, or some are missing.
    """
    if not args.people and args.ccp is None and args.pose2sim is None:
        raise InvalidInputError("nothing to measure on: give --people, --ccp or --pose2sim")
    if args.dressed is not None and not args.people:
        raise InvalidInputError("--dressed is measured on --people only")
    if args.record and not (args.people and args.ccp is not None):
        raise InvalidInputError("--record needs both --people and --ccp: the card shows both")
    refuse_learned(args.checkpoint, args.people)


def refuse_learned(checkpoint: Path, folders: Sequence[Path]) -> None:
    """See that a regressor is not measured on people whom it learned from.

    Raises:
        InvalidInputError: The folders hold people of a seed that it learned from.
    """
    lineage = load_header(checkpoint).lineage
    learned = {seed for part in lineage for seed in told_seeds(part.data)}
    for folder in folders:
        for seed in map(str, read_settings(folder)["seeds"]):
            if seed in learned:
                raise InvalidInputError(
                    f"{folder} holds people of seed {seed}, whom {checkpoint} learned from; render "
                    "others with another --seed"
                )


def sample_sets(args: argparse.Namespace, estimator: Estimator) -> list[SampleSet[Any]]:
    """What the command line names."""
    sets: list[SampleSet[Any]] = []
    device = estimator.device
    if args.people:
        dressed = None
        if args.dressed is not None:
            dressed = Estimator.from_checkpoint(args.dressed, device)
        sets.append(rendered_people(args.people, estimator, Looks(args.refine, dressed)))
    if args.ccp is not None or args.pose2sim is not None:
        silhouettes = SilhouettePredictor.from_checkpoint(args.silhouette, device)
        whole_way = WholeWay(silhouettes, args.refine)
        if args.ccp is not None:
            sets.append(street_photos(open_ccp(args.ccp), estimator, whole_way))
        if args.pose2sim is not None:
            sets.append(calibrated_views(args.pose2sim, whole_way))
    return sets


def rendered_people(
    folders: Sequence[Path], estimator: Estimator, looks: Looks
) -> SampleSet[PersonItem]:
    """Prepared people.

    Raises:
        FileNotFoundError: A folder does not exist.
        InvalidInputError: One is not complete, or holds nobody.
    """
    people = StoredPeople.open(folders)
    if not len(people):
        raise InvalidInputError(f"nobody was found in {', '.join(map(str, folders))}")
    settings = [read_settings(folder) for folder in folders]
    dressed = None if looks.dressed is None else looks.dressed.header
    parts = [settings, looks.refine, dressed.sha256 if dressed else None]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return SampleSet(
        "people",
        "pictures of rendered people",
        TestPeople(people, digest),
        PersonScore,
        PersonScorer(estimator.body),
        PeopleReport(
            estimator.body,
            estimator.regressor.error_correlation,
            people.num_missed,
            sorted({seed for one in settings for seed in one["seeds"]}),
        ),
        ask=looks,
    )


EVALUATION = Evaluation(
    slug="reconstruction",
    architectures=(ARCHITECTURE,),
    version=1,
    batch_size=8,
    load=Estimator.from_checkpoint,
    configure_data=configure_data,
    check=check,
    sample_sets=sample_sets,
    tables=report.tables,
    charts=report.charts,
    card=Path(__file__).with_name("card.md"),
)
