"""The silhouette network's training, put together from a recipe."""

import argparse
import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from model.checkpoint import load_checkpoint
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.errors import InvalidInputError
from model.silhouette.architectures import ARCHITECTURES, SilhouetteNetwork, architecture_of
from model.silhouette.lite import LiteSilhouette
from model.silhouette.network import StackedHourglass
from model.silhouette.people import NUM_KEYPOINTS
from model.silhouette.predictor import save_silhouette_checkpoint
from training.arguments import add_ccp, at_least
from training.engine.average import Averaging
from training.engine.batches import num_steps
from training.engine.comparison import Comparison
from training.engine.encoder_weights import INITIAL_WEIGHTS, load_package_weights
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.scenes.data_recipe import ON_THE_FLY
from training.scenes.loading import describe, load_pairs, load_photos
from training.silhouette.data import SilhouetteBatch, TrainingSamples, ValidationSamples
from training.silhouette.evaluate import EVALUATION, add_people
from training.silhouette.losses import box_loss, heat_loss, hourglass_loss, overlap_loss
from training.silhouette.metrics import DRESSED, iou
from training.silhouette.recipe import SilhouetteRecipe

logger = logging.getLogger(__name__)


def build_network(recipe: SilhouetteRecipe) -> SilhouetteNetwork:
    """A new network, its weights drawn from torch's generator."""
    if recipe.lite is not None:
        return LiteSilhouette(recipe.lite)
    return StackedHourglass(recipe.network)


def build(recipe: SilhouetteRecipe) -> SupervisedTask[SilhouetteBatch]:
    """Network, loss and validation of an experiment.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, or the weights' package is not installed.
        AssetError: The package holds another file than the published one.
    """
    seed_everything(recipe.seed)

    def objective(network: nn.Module, batch: SilhouetteBatch) -> dict[str, Tensor]:
        outputs: Sequence[Tensor] = network(batch.images)
        mask = batch.dressed if recipe.loss_mask == "dressed" else batch.naked
        truth = (batch.confidence, mask, batch.weight)
        losses = {}
        if recipe.lite is not None and recipe.objective == "overlap":
            losses["map"] = overlap_loss(outputs[-1], *truth)
        else:
            stacks = outputs if recipe.lite is None else outputs[-1:]
            losses["map"] = hourglass_loss(stacks, *truth)
        if recipe.lite is not None and recipe.lite.head_width:
            heat, distances = outputs[0].split([NUM_KEYPOINTS + 1, 4], 1)
            losses["heat"] = recipe.people_weight * heat_loss(heat, batch.people)
            losses["boxes"] = recipe.people_weight * box_loss(distances, batch.people)
        return {"loss": torch.stack([*losses.values()]).sum(), **losses}

    network = build_network(recipe)
    if recipe.weights == "package":
        assert isinstance(network, LiteSilhouette)
        network.unet.encoder.load_state_dict(load_package_weights(network.config.variant))
    elif recipe.initial is not None:
        start_from(network, Path(recipe.initial))
    frozen: tuple[nn.Module, ...] = ()
    if recipe.learned == "people":
        assert isinstance(network, LiteSilhouette)
        frozen = (network.unet.requires_grad_(False),)
    return SupervisedTask(
        network=network,
        frozen=frozen,
        objective=objective,
        judgement=judge_maps,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def start_from(network: SilhouetteNetwork, checkpoint: Path) -> None:
    """Load the layers of a silhouette or clothing checkpoint that fit; the others stay as drawn.

    Raises:
        FileNotFoundError: It is not there.
        CheckpointError: It is damaged, or of another architecture.
        InvalidInputError: Its encoder, or anything of an hourglass, has another shape.
    """
    of_clothing = (CLOTHING,) if isinstance(network, LiteSilhouette) else ()
    header, tensors = load_checkpoint(checkpoint, architecture_of(network), *of_clothing)
    if header.architecture == CLOTHING:
        # The last layer has a channel for each garment; the others know where a person is.
        tensors = {
            f"unet.{name.removeprefix('network.')}": tensor
            for name, tensor in tensors.items()
            if "classify" not in name
        }
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape
    }
    needed = "unet.encoder." if isinstance(network, LiteSilhouette) else ""
    if any(name.startswith(needed) and name not in fitting for name in own):
        raise InvalidInputError(
            f"{checkpoint} holds a {header.architecture} with {header.config['network']}; "
            f"the recipe asks for {network.config}"
        )
    logger.info("%d of %d tensors start from %s", len(fitting), len(own), checkpoint)
    network.load_state_dict(own | fitting)


def judge_maps(network: nn.Module, batches: Iterable[SilhouetteBatch]) -> dict[str, float]:
    """Errors and IoU on rendered people, contrast on photos, at the input's resolution.

    `iou_target` is with what the true map has above 0.5. `body` and `background` are the mean
    confidence on pixels of photos that are known to be one or the other. `score` is the mean of
    what is available: the rendered people's mean IoU, and `body` less `background`.
    """
    found: dict[str, list[float]] = {
        name: [] for name in ("mae", "mae_cloth", "iou_target", "body", "background")
    }
    for batch in batches:
        for number, predicted in enumerate(predicted_maps(network, batch.images)):
            confidence, weight = batch.confidence[number], batch.weight[number]
            body, known = batch.naked[number] > 0.5, weight > 0.5
            if batch.is_photo[number]:
                for name, where in (("body", known & body), ("background", known & ~body)):
                    if where.any():
                        found[name].append(float(predicted[where].mean()))
                continue
            errors, cloth = (predicted - confidence).abs(), (batch.dressed[number] > 0.5) & ~body
            found["mae"].append(float(errors.mean()))
            if cloth.any():
                found["mae_cloth"].append(float(errors[cloth].mean()))
            above, true_above = (m.cpu().numpy() > 0.5 for m in (predicted, confidence))
            found["iou_target"].append(iou(above, true_above))
    judged = {n: float(np.mean(values)) if values else float("nan") for n, values in found.items()}
    parts = [judged["iou_target"], judged["body"] - judged["background"]]
    return judged | {"score": float(np.nanmean(parts))}


def predicted_maps(network: nn.Module, images: Tensor) -> Tensor:
    """(B, 1, S, S): the last output's first channel, clipped, at the input's resolution."""
    maps: Tensor = network(images)[-1][:, :1].float().clamp(0, 1)
    return F.interpolate(maps, images.shape[-2:], mode="bilinear", antialias=True)


def prepare(recipe: SilhouetteRecipe) -> TrainingData[SilhouetteBatch]:
    """Read, check and pack the data that a recipe names.

    Raises:
        InvalidInputError: The recipe does not fit its data.
        StorageError: The disk is full.
    """
    data = recipe.data
    samples = TrainingSamples.load(recipe)
    held_out = [load_pairs(data, held_out=True), load_photos(data, held_out=True)]
    validation = ValidationSamples(
        [source for source in held_out if source is not None], recipe.stages[-1].image_size
    )
    return TrainingData(
        samples, lambda: DataLoader(validation, batch_size=16), lambda: build(recipe)
    )


def describe_data(recipe: SilhouetteRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    return describe(recipe.data) + INITIAL_WEIGHTS[recipe.weights]


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the data to learn from."""
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`: people are "
        "rendered during training",
    )
    add_ccp(parser)
    parser.add_argument(
        "--labels", metavar="DIR", help="folder of `data label-photos`: more photos to learn from"
    )
    parser.add_argument(
        "--poses", metavar="DIR", help="BVH clips, for people rendered during training"
    )


def with_data(recipe: SilhouetteRecipe, args: argparse.Namespace) -> SilhouetteRecipe:
    """The recipe with the folders of the command line."""
    pairs = tuple(args.data or recipe.data.pairs)
    given = {"photos": args.ccp, "labels": args.labels, "poses": args.poses}
    named: dict[str, Any] = {name: str(folder) for name, folder in given.items() if folder}
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, pairs=pairs, **named))


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


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """Options of `compare` on what networks are measured on."""
    add_people(parser)
    parser.add_argument(
        "--subjects",
        type=at_least(2),
        default=100,
        metavar="N",
        help="rendered people to measure on (%(default)s)",
    )


COMPARISON = Comparison(
    fitting=FITTING,
    evaluation=EVALUATION,
    variants={
        "reference_hourglass": (),
        "efficientnet_lite_unet": ("lite.variant=2", "lite.decoder_widths=[160, 128, 96, 64]"),
    },
    seeds=(0, 1),
    metrics={
        "iou_body": ("rendered.network.iou_body", "IoU, body"),
        "iou_target": ("rendered.network.iou_target", "IoU, target"),
        "mae": ("rendered.network.mae", "MAE"),
        "mae_cloth": ("rendered.network.mae_cloth", "MAE, cloth"),
        "median_skin": ("photos.median_skin", "skin"),
        "median_background": ("photos.median_background", "background"),
        "auroc": ("photos.auroc", "AUROC"),
        "iou_people": ("people.network.iou", "IoU, photos with masks"),
    },
    baseline=DRESSED,
    configure_measuring=configure_measuring,
    measured_on={"data": [ON_THE_FLY], "frames": None, "size": None},
)
