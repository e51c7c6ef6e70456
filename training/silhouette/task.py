"""The silhouette network's training, put together from a recipe."""

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

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
from training.silhouette.data import (
    SilhouetteBatch,
    TrainingSamples,
    ValidationSamples,
    load_pairs,
    load_photos,
)
from training.silhouette.evaluate import EVALUATION, add_people
from training.silhouette.losses import hourglass_loss, outline_loss, refinement_loss
from training.silhouette.metrics import DRESSED, iou
from training.silhouette.recipe import ON_THE_FLY, SilhouetteRecipe


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
    # The first outputs are maps at a quarter of the input; the last may have its own resolution.
    num_stacks = 0 if recipe.lite is not None else recipe.network.num_stacks
    full_resolution = recipe.lite is not None or recipe.network.refinement_width > 0

    def objective(network: nn.Module, batch: SilhouetteBatch) -> dict[str, Tensor]:
        outputs: Sequence[Tensor] = network(batch.images)
        mask = batch.dressed if recipe.loss_mask == "dressed" else batch.naked
        truth = (batch.confidence, mask, batch.weight)
        losses = {}
        if squared := outputs[:num_stacks] if recipe.objective == "overlap" else outputs:
            losses["stacks"] = hourglass_loss(squared, *truth)
        if full_resolution and recipe.objective == "overlap":
            losses["refinement"] = refinement_loss(outputs[-1], *truth)
        if recipe.outline_weight:
            losses["outline"] = recipe.outline_weight * outline_loss(outputs[-1], *truth)
        return {"loss": torch.stack([*losses.values()]).sum(), **losses}

    network = build_network(recipe)
    if recipe.weights == "package":
        assert isinstance(network, LiteSilhouette)
        network.unet.encoder.load_state_dict(load_package_weights(network.config.variant))
    elif recipe.initial is not None:
        start_from(network, Path(recipe.initial))
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judge_maps,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def start_from(network: SilhouetteNetwork, checkpoint: Path) -> None:
    """Load a silhouette checkpoint, or all but the last layer of a clothing checkpoint.

    Raises:
        FileNotFoundError: It is not there.
        CheckpointError: It is damaged, or of another architecture.
        InvalidInputError: It holds a network of other widths.
    """
    of_clothing = (CLOTHING,) if isinstance(network, LiteSilhouette) else ()
    header, tensors = load_checkpoint(checkpoint, architecture_of(network), *of_clothing)
    given, wanted = dict(header.config["network"]), dataclasses.asdict(network.config)
    if header.architecture == CLOTHING and given["network"] == "efficientnet_lite_unet":
        assert isinstance(network, LiteSilhouette)
        given = {"variant": given["lite_variant"], "decoder_widths": given["decoder_widths"]}
        # The last layer has a channel for each garment; the others know where a person is.
        unet = {f"unet.{name.removeprefix('network.')}": t for name, t in tensors.items()}
        tensors = unet | {n: t for n, t in network.state_dict().items() if "classify" in n}
    if json.dumps(given, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        raise InvalidInputError(
            f"{checkpoint} holds a {header.architecture} with {header.config['network']}; "
            f"the recipe asks for {network.config}"
        )
    network.load_state_dict(tensors)


def judge_maps(network: nn.Module, batches: Iterable[SilhouetteBatch]) -> dict[str, float]:
    """Errors and IoU on rendered people, contrast on photos, at the input's resolution.

    `iou_target` is with what the true map has above 0.5. `score` is the mean of what is available:
    the rendered people's mean IoU, and the photos' median confidence on skin less that on
    background.
    """
    found: dict[str, list[float]] = {
        name: [] for name in ("mae", "mae_cloth", "iou_target", "skin", "background")
    }
    for batch in batches:
        maps = predicted_maps(network, batch.images)
        for predicted, sample in zip(maps, zip(*batch, strict=True), strict=True):
            one = SilhouetteBatch(*sample)
            body = one.naked > 0.5
            if one.is_photo:
                if body.any():
                    found["skin"].append(float(predicted[body].mean()))
                found["background"].append(float(predicted[(one.weight > 0.5) & ~body].mean()))
                continue
            errors, cloth = (predicted - one.confidence).abs(), (one.dressed > 0.5) & ~body
            found["mae"].append(float(errors.mean()))
            if cloth.any():
                found["mae_cloth"].append(float(errors[cloth].mean()))
            above, true_above = (m.cpu().numpy() > 0.5 for m in (predicted, one.confidence))
            found["iou_target"].append(iou(above, true_above))
    averages = {"skin": np.median, "background": np.median}
    judged = {
        name: float(averages.get(name, np.mean)(values)) if values else float("nan")
        for name, values in found.items()
    }
    parts = [judged["iou_target"], judged["skin"] - judged["background"]]
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
    data, side = recipe.data, recipe.stages[-1].image_size
    pairs, photos = load_pairs(data, False, recipe.seed), load_photos(data, held_out=False)
    held_out = ValidationSamples(load_pairs(data, True), load_photos(data, True), side)
    return TrainingData(
        TrainingSamples(recipe, pairs, photos),
        lambda: DataLoader(held_out, batch_size=16),
        lambda: build(recipe),
    )


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
        "rendered during training",
    )
    add_ccp(parser)


def with_data(recipe: SilhouetteRecipe, args: argparse.Namespace) -> SilhouetteRecipe:
    """The recipe with the folders of --data and --ccp."""
    pairs = tuple(args.data or recipe.data.pairs)
    photos = str(args.ccp) if args.ccp else recipe.data.photos
    data = dataclasses.replace(recipe.data, pairs=pairs, photos=photos)
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
        "refined_hourglass": ("network.refinement_width=48",),
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
