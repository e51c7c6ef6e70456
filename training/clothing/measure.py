"""From held-out photos to counts for each, and what the predictor costs."""

import dataclasses
import functools
import time
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
from training.engine.precision import device_name
from training.reporting.cost import giga_flops, median_ms, num_threads
from training.reporting.read_ahead import read_ahead

NUM_TIMED = 9
"""Photos that the time is measured on."""


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
    numbers = dataset.training_numbers()
    fine, grouped = np.zeros(len(FINE), np.int64), np.zeros(len(GROUPED), np.int64)
    for number in tqdm(numbers, desc="labels to learn from", unit="photo"):
        counts = np.bincount(dataset.read(number).labels.ravel(), minlength=len(FINE))
        there = np.flatnonzero(counts)
        fine[there] += 1
        grouped[np.unique(GROUP_OF[there])] += 1
    return TrainingPhotos(len(numbers), fine, grouped)


def cost(predictor: ClothingPredictor, images: Sequence[np.ndarray]) -> dict[str, Any]:
    """Size and speed of a predictor as it is served, without what only training needs.

    Args:
        predictor: From a checkpoint.
        images: Photos to take the time of; at least one.

    Returns:
        `parameters`; `giga_macs`, multiply-adds in 10^9 for one photo at `input_size`; median
        milliseconds from a photo to its labels: on a processor `ms_one_thread`, the processor's
        time, so that other programs do not count, and `ms_all_threads`, the clock's, with
        `num_threads`. On another device the clock's alone.
    """
    assert predictor.header is not None
    config = ClothingConfig.from_json(predictor.header.config["network"])
    # Nothing is computed on this device: operations are counted from shapes alone.
    with torch.device("meta"):
        network = ClothingNetwork(dataclasses.replace(config, auxiliary=False))
    work = [functools.partial(predictor.predict_batch, [image]) for image in images[:NUM_TIMED]]
    one_thread = None
    if predictor.device.type == "cpu":
        with num_threads(1):
            one_thread = median_ms(work, time.process_time)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "giga_macs": giga_flops(network, predictor.input_size) / 2,
        "input_size": predictor.input_size,
        "ms_one_thread": one_thread,
        "ms_all_threads": median_ms(work),
        "num_threads": torch.get_num_threads(),
        "device": device_name(predictor.device),
    }
