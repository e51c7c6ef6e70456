"""The clothing networks' training, put together from a recipe.

B batch, C labels, S W size of the samples, h w size of the logits.
"""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from model.checkpoint import load_checkpoint
from model.clothing.labels import GROUPED, LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork, NetworkName
from model.clothing.predictor import ARCHITECTURE, save_clothing_checkpoint
from model.errors import InvalidInputError
from training.arguments import add_ccp
from training.clothing.data import (
    UNKNOWN,
    ClothingBatch,
    TrainingSamples,
    ValidationSamples,
    count_labels,
    load_photos,
    photo_repeats,
)
from training.clothing.evaluate import EVALUATION
from training.clothing.losses import ClothingLoss, class_weights, groups_of, in_groups
from training.clothing.metrics import ALL_NULL, Confusion, score_of
from training.clothing.recipe import ClothingRecipe
from training.engine.average import Averaging
from training.engine.batches import num_steps
from training.engine.comparison import Comparison
from training.engine.encoder_weights import INITIAL_WEIGHTS
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.engine.torchvision_weights import start_from


def build(recipe: ClothingRecipe, label_counts: np.ndarray) -> SupervisedTask[ClothingBatch]:
    """Network, loss and validation of an experiment.

    Args:
        recipe: Of the experiment.
        label_counts: (C,) pixels of each fine label in the photos to learn from.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, the network has not the labels' number of
            channels, or there are no weights of others for it.
    """
    if recipe.network.num_classes != len(LABELS):
        raise InvalidInputError(
            f"network.num_classes is {recipe.network.num_classes}; there are {len(LABELS)} labels"
        )
    seed_everything(recipe.seed)
    loss = ClothingLoss(recipe.loss, class_weights(label_counts, recipe.loss))

    def objective(network: nn.Module, batch: ClothingBatch) -> dict[str, Tensor]:
        outputs: Sequence[Tensor] = network(batch.images)
        return loss(outputs, batch.labels)

    def judgement(network: nn.Module, batches: Iterable[ClothingBatch]) -> dict[str, float]:
        return judge_photos(network, batches, loss)

    network = ClothingNetwork(recipe.network)
    if recipe.initial is not None:
        _continue_from(network, Path(recipe.initial))
    elif recipe.weights != "none":
        start_from(network, recipe.weights)
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judgement,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def _continue_from(network: ClothingNetwork, checkpoint: Path) -> None:
    header, tensors = load_checkpoint(checkpoint, ARCHITECTURE)
    given, wanted = ClothingConfig.from_json(header.config["network"]), network.config
    if given != wanted:
        raise InvalidInputError(f"{checkpoint} holds a {given}; the recipe asks for a {wanted}")
    network.load_state_dict(tensors)


def judge_photos(
    network: nn.Module, batches: Iterable[ClothingBatch], loss: ClothingLoss
) -> dict[str, float]:
    """Loss, accuracies and the groups' mean IoU, at the samples' size.

    `score` is the mean of the last three. Probabilities are enlarged, and a group's is the sum of
    its labels', as the predictor does.
    """
    losses: list[tuple[float, int]] = []
    fine, grouped = Confusion.empty(len(LABELS)), Confusion.empty(len(GROUPED))
    for batch in batches:
        logits: Tensor = network(batch.images)[0].float()
        # Only this process judges: nothing is added up over others.
        losses.append((float(loss([logits], batch.labels, lambda part: part)["loss"]), len(logits)))
        for probabilities, labels in zip(logits.softmax(1), batch.labels.long(), strict=True):
            fine += _compare(probabilities[None], labels, len(LABELS))
            grouped += _compare(in_groups(probabilities[None]), groups_of(labels), len(GROUPED))
    values, sizes = zip(*losses, strict=True)
    return {
        "loss": float(np.average(values, weights=sizes)),
        "pixel_accuracy": fine.pixel_accuracy(),
        "foreground_accuracy": fine.foreground_accuracy(),
        "grouped_mean_iou": grouped.mean_iou(),
        "score": score_of(fine, grouped),
    }


def _compare(probabilities: Tensor, labels: Tensor, num_labels: int) -> Confusion:
    """Of one photo's known pixels.

    Args:
        probabilities: (1, C, h, w).
        labels: (S, W) int64; 255 where unknown.
        num_labels: C.
    """
    size = (labels.shape[0], labels.shape[1])
    larger = F.interpolate(probabilities, size, mode="bilinear", align_corners=False)
    predicted, known = larger[0].argmax(0), labels != UNKNOWN
    return Confusion.of(labels[known].cpu().numpy(), predicted[known].cpu().numpy(), num_labels)


def prepare(recipe: ClothingRecipe) -> TrainingData[ClothingBatch]:
    """Read, check and pack the data that a recipe names.

    Raises:
        InvalidInputError: The recipe does not fit its data.
        StorageError: The disk is full.
    """
    photos, side = load_photos(recipe.data, held_out=False), recipe.stages[-1].image_size
    held_out = ValidationSamples(load_photos(recipe.data, held_out=True), side)
    label_pixels = count_labels(photos)
    repeats = photo_repeats(label_pixels, recipe.data.repeat_threshold)
    return TrainingData(
        TrainingSamples(photos, repeats, recipe.augmentation, recipe.seed),
        lambda: DataLoader(held_out, batch_size=8),
        lambda: build(recipe, label_pixels.sum(0)),
    )


def describe_data(recipe: ClothingRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    photos = "street photos of Clothing Co-Parsing (Apache-2.0)"
    if recipe.data.tagged is not None:
        photos += ", and those of its tagged photos that a network labelled by their tags"
    return photos + INITIAL_WEIGHTS[recipe.weights]


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the data to learn from."""
    add_ccp(parser)
    parser.add_argument(
        "--tagged", metavar="DIR", help="folder of `data tagged`, to learn from too"
    )


def with_data(recipe: ClothingRecipe, args: argparse.Namespace) -> ClothingRecipe:
    """The recipe with the folders of --ccp and --tagged."""
    photos = str(args.ccp) if args.ccp else recipe.data.photos
    data = dataclasses.replace(recipe.data, photos=photos, tagged=args.tagged or recipe.data.tagged)
    return dataclasses.replace(recipe, data=data)


FITTING = Fitting(
    slug="clothing",
    kind=ClothingRecipe,
    default=Path(__file__).parents[1] / "recipes" / "clothing" / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=lambda recipe: ClothingNetwork(recipe.network),
    save=save_clothing_checkpoint,
    describe_data=describe_data,
)
AVERAGING = Averaging("clothing", (ARCHITECTURE,))
COMPARISON = Comparison(
    fitting=FITTING,
    evaluation=EVALUATION,
    variants={name: (f"network.network={name}",) for name in get_args(NetworkName)},
    seeds=(0,),
    metrics={
        "pixel_accuracy": ("fine.network.pixel_accuracy", "pixel accuracy"),
        "foreground_accuracy": ("fine.network.foreground_accuracy", "foreground accuracy"),
        "fine_mean_iou": ("fine.network.mean_iou", "fine mIoU"),
        "grouped_mean_iou": ("grouped.network.mean_iou", "grouped mIoU"),
    },
    baseline=ALL_NULL,
)
