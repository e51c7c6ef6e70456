"""From held-out photos to counts for each, and the size of the network."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from tqdm import tqdm

from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, ClothingSegmentation
from training.clothing.scores import Confusion
from training.clothing.sources import LabelledDataset
from training.reporting.cost import giga_flops
from training.reporting.read_ahead import read_ahead


class Predictor(Protocol):
    """What is measured."""

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[ClothingSegmentation]:
        """Labels for each picture."""


@dataclass(frozen=True, eq=False)
class MeasuredPhoto:
    """A photo's number and counts."""

    number: int
    fine: Confusion
    grouped: Confusion


class TrainingPhotos(NamedTuple):
    """What there is to learn from."""

    num_photos: int
    fine: np.ndarray
    """(59,) photos that have each label."""
    grouped: np.ndarray
    """Likewise of the groups."""


def measure(
    predictor: Predictor, dataset: LabelledDataset, numbers: Sequence[int], batch_size: int
) -> list[MeasuredPhoto]:
    """Compare labels and prediction at the photos' own size.

    Args:
        predictor: Whose maps are scored.
        dataset: Where photos come from.
        numbers: Of the photos.
        batch_size: Photos that the predictor is given at a time.
    """
    measured = []
    batches = [numbers[i : i + batch_size] for i in range(0, len(numbers), batch_size)]
    with tqdm(total=len(numbers), desc="held-out photos", unit="photo") as bar:
        for batch, photos in zip(batches, read_ahead(dataset.read, batches), strict=True):
            results = predictor.predict_batch([photo.image for photo in photos])
            for number, photo, result in zip(batch, photos, results, strict=True):
                fine = Confusion.of(photo.labels, result.fine, len(FINE))
                groups = GROUP_OF[photo.labels]
                grouped = Confusion.of(groups, result.grouped, len(GROUPED))
                measured.append(MeasuredPhoto(number, fine, grouped))
                bar.update()
    return measured


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
