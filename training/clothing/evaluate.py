"""What `python -m training evaluate clothing` measures: photos with a label for every pixel.

Labels are compared at the photo's own size. The baseline labels every pixel null.
"""

import argparse
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from model.clothing.labels import FINE, GROUP_OF, GROUPED, SCHEMES
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor, ClothingSegmentation
from model.errors import InvalidInputError
from training.clothing.figures import confusion_chart, worst_sheet
from training.clothing.metrics import Confusion, PhotoScore, TrainingPhotos, total
from training.clothing.recipe import DataRecipe
from training.clothing.report import (
    clothing_card,
    clothing_report,
    confusions,
    headline,
    photo_csv,
    report_text,
)
from training.clothing.sources import LabelledDataset, open_photos
from training.datasets.ccp import CcpPhoto
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.splits import Split
from training.reporting.cost import giga_flops
from training.reporting.evaluation import Evaluation, Found, Report
from training.reporting.scoring import SampleSet
from training.reporting.tables import csv_text


class EvaluationPhotos:
    """Photos of a split, whole."""

    def __init__(self, dataset: LabelledDataset, split: Split, limit: int | None = None) -> None:
        """List them.

        Args:
            dataset: With the labels of `model.clothing.labels`.
            split: Of the photos.
            limit: So many at most, the first ones.

        Raises:
            InvalidInputError: The split has no photo.
        """
        self.dataset = dataset
        self.numbers = dataset.numbers_of(split)[:limit]
        if not self.numbers:
            raise InvalidInputError(f"no {split} photo in {dataset.root}")

    def __len__(self) -> int:
        return len(self.numbers)

    def key(self, index: int) -> str:
        """The photo's number."""
        return f"{self.numbers[index]:04d}"

    def stamp(self, index: int) -> str:
        """Size and time of the labels' file."""
        return file_stamp(self.dataset.labels_path(self.numbers[index]))

    def __getitem__(self, index: int) -> CcpPhoto:
        """Decode one photo and its labels."""
        return self.dataset.read(self.numbers[index])


def labelled_photos(photos: EvaluationPhotos) -> SampleSet[CcpPhoto]:
    """Photos whose labels are compared with the predicted ones."""

    def score(photo: CcpPhoto, found: ClothingSegmentation) -> PhotoScore:
        groups = GROUP_OF[photo.labels]
        return PhotoScore(
            Confusion.of(photo.labels, found.fine, len(FINE)),
            Confusion.of(groups, found.grouped, len(GROUPED)),
        )

    return SampleSet("photos", "street photos", photos, score, PhotoScore.from_json)


def count_training_photos(dataset: LabelledDataset) -> TrainingPhotos:
    """In how many of the photos to learn from each label occurs."""
    numbers = dataset.numbers_of("training")
    fine, grouped = np.zeros(len(FINE), np.int64), np.zeros(len(GROUPED), np.int64)
    for number in tqdm(numbers, desc="labels to learn from", unit="photo"):
        counts = np.bincount(dataset.read(number).labels.ravel(), minlength=len(FINE))
        there = np.flatnonzero(counts)
        fine[there] += 1
        grouped[np.unique(GROUP_OF[there])] += 1
    return TrainingPhotos(len(numbers), fine, grouped)


def cost(predictor: ClothingPredictor) -> dict[str, Any]:
    """Size of a predictor's network as it is served, without what only training needs.

    Args:
        predictor: From a checkpoint.

    Returns:
        `parameters`; `giga_macs`, multiply-adds in 10^9 for one photo at `input_size`.
    """
    assert predictor.header is not None
    config = ClothingConfig.from_json(predictor.header.config["network"])
    # Nothing is computed on this device: operations are counted from shapes alone.
    with torch.device("meta"):
        network = ClothingNetwork(dataclasses.replace(config, auxiliary=False))
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "giga_macs": giga_flops(network, predictor.input_size) / 2,
        "input_size": predictor.input_size,
    }


def configure_data(parser: argparse.ArgumentParser) -> None:
    """The option that names what is measured on."""
    parser.add_argument(
        "--ccp", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )


def sample_sets(
    args: argparse.Namespace,
    predictor: ClothingPredictor,  # noqa: ARG001
) -> list[SampleSet[Any]]:
    """The photos of the split."""
    dataset = open_photos(DataRecipe(photos=str(args.ccp)))
    return [labelled_photos(EvaluationPhotos(dataset, args.split, args.limit))]


def report(predictor: ClothingPredictor, found: Found) -> Report:
    """Numbers of the photos, and what the network costs."""
    photos: EvaluationPhotos = found["photos"].sample_set.samples  # type: ignore[assignment]
    training = count_training_photos(photos.dataset)
    return clothing_report(found["photos"].scored, training) | {"cost": cost(predictor)}


def tables(report: Report, found: Found) -> dict[str, str]:
    """A row for each photo, and for each label."""
    labels = {name: csv_text(report[f"{name}_labels"]) for name in SCHEMES}
    return {"photos": photo_csv(found["photos"].scored)} | labels


def charts(report: Report, found: Found) -> dict[str, Figure]:  # noqa: ARG001
    """Confusion matrices."""
    scored = found["photos"].scored
    return {
        f"confusion_{name}": confusion_chart(total(confusions(scored, name)), scheme.labels)
        for name, scheme in SCHEMES.items()
    }


def worst(predictor: ClothingPredictor, found: Found) -> dict[str, Callable[[], Image.Image]]:
    """Contact sheet of the worst photos."""
    return {"worst": lambda: worst_sheet(predictor, found["photos"])}


def command(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["--checkpoint", str(args.checkpoint), "--ccp", str(args.ccp)]
    words += [] if args.limit is None else ["--limit", str(args.limit)]
    return f"python -m training evaluate clothing {shlex.join(words)}"


EVALUATION = Evaluation(
    slug="clothing",
    architectures=(ARCHITECTURE,),
    version=1,
    batch_size=4,
    load=ClothingPredictor.from_checkpoint,
    configure_data=configure_data,
    check=lambda args: None,  # noqa: ARG005
    sample_sets=sample_sets,
    report=report,
    text=report_text,
    tables=tables,
    charts=charts,
    worst=worst,
    header_metrics=headline,
    card=clothing_card,
    command=command,
)
