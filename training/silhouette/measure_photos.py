"""Measures confidence maps on photos that nothing is learned from or chosen by.

Limbs of people whom somebody has marked, of one person before four cameras; pictures without
people; two people side by side; photos turned by quarters. Each with its standard error.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least, device, output_file
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.ccp_people import CcpPeople
from training.datasets.labelled_photos import LabelledPhotos, PaintedOver, each
from training.datasets.people import PersonPhotos
from training.datasets.photo import read_photo
from training.datasets.pose2sim import CalibratedViews
from training.datasets.sample_pictures import sample_pictures
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.reporting.photo_benchmarks import (
    Numbers,
    Predict,
    calibrated_views,
    everyday_people,
    side_by_side,
    turned,
    without_people,
)

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "silhouette.safetensors"
MARKED = "coco_cc_by"
"""The collection in which people are marked by hand."""
NUM_TURNED = 50
"""Photos that are turned."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate photos`."""
    parser.description = __doc__
    add = parser.add_argument
    add("--checkpoint", type=Path, default=CHECKPOINT, metavar="FILE", help="(%(default)s)")
    folders = {
        "labels": "what data label-photos wrote",
        "pose2sim": "calibrated views with truth.npz",
        "ccp": "folder of Clothing Co-Parsing",
        "people": "photos to turn: photos/*.jpg, masks/*.png",
    }
    for name, text in folders.items():
        add(f"--{name}", type=Path, metavar="DIR", help=text)
    add("--limit", type=at_least(2), metavar="N", help="so many pictures of each kind at most")
    add("--json", type=output_file, metavar="FILE", help="write the numbers there")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure; print and write the numbers."""
    predictor = SilhouettePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))

    def predict(image: np.ndarray) -> np.ndarray:
        return predictor.predict_batch([image])[0].confidence

    report: dict[str, Numbers] = {}
    for name, numbers in measured(args, predict):
        report[name] = numbers
        rows = (f"  {key:<12} {number}\n" for key, number in numbers.items())
        sys.stdout.write(f"{name}\n{''.join(rows)}")
        sys.stdout.flush()
    if args.json:
        plain = {name: {k: v._asdict() for k, v in n.items()} for name, n in report.items()}
        write_text(args.json, json.dumps(plain, indent=2) + "\n")
    return 0


def measured(args: argparse.Namespace, predict: Predict) -> Iterator[tuple[str, Numbers]]:
    """The numbers of every set that the command line names, and of the packages' samples."""
    samples, missing = sample_pictures()
    for package in missing:
        sys.stderr.write(f"{package} is not installed: its sample pictures are left out\n")
    if not (samples or args.labels or args.pose2sim or args.ccp or args.people):
        raise InvalidInputError("nothing to measure on: give --labels, --pose2sim, --ccp, --people")
    if samples:
        paths = itertools.islice(samples.values(), args.limit)
        yield "sample pictures", without_people(predict, map(read_photo, paths))
    if args.labels:
        marked = LabelledPhotos(args.labels, "test", nobody=False, folder=MARKED)
        yield (
            "everyday people",
            everyday_people(predict, itertools.islice(each(marked), args.limit)),
        )
        empty = LabelledPhotos(args.labels, "test", nobody=True)
        pictures = (photo.image for photo in itertools.islice(each(empty), args.limit))
        yield "photos of nobody", without_people(predict, pictures)
    if args.pose2sim:
        yield "four cameras", calibrated_views(predict, CalibratedViews.open(args.pose2sim))
    if args.ccp:
        dataset, keypoints = ClothingCoParsing.open(args.ccp), CcpKeypoints.load(STORED)
        street = CcpPeople(dataset, keypoints, "test")
        yield "street pairs", side_by_side(predict, itertools.islice(each(street), args.limit))
        painted = PaintedOver(street)
        pictures = (photo.image for photo in itertools.islice(each(painted), args.limit))
        yield "people painted over", without_people(predict, pictures)
    if args.people:
        people = PersonPhotos.open(args.people)
        chosen = people.names[: args.limit or NUM_TURNED]
        yield "turned", turned(predict, (people.read(name).image for name in chosen))
