"""The refiner's training, put together from a recipe."""

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from model.checkpoint import load_checkpoint
from model.errors import InvalidInputError
from model.pose_depth.architectures import RefinerNetwork, architecture_of
from model.pose_depth.network import PoseAwareDepthRefiner, Refinement
from model.pose_depth.predictor import save_refiner_checkpoint
from model.pose_depth.skeleton import BODY, HIPS
from model.pose_depth.temporal import TemporalRefiner
from training.engine.batches import num_steps
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.pose_depth.data import PoseBatch, read_split, training_samples, whole_batches
from training.pose_depth.losses import (
    bone_loss,
    camera_loss,
    confidence_loss,
    position_loss,
    symmetry_loss,
    velocity_loss,
)
from training.pose_depth.recipe import PoseDepthRecipe


def build_network(recipe: PoseDepthRecipe) -> RefinerNetwork:
    """A new network, its weights drawn from torch's generator."""
    if recipe.reference is not None:
        return PoseAwareDepthRefiner(recipe.reference)
    return TemporalRefiner(recipe.network)


def build(recipe: PoseDepthRecipe) -> SupervisedTask[PoseBatch]:
    """Network, loss and validation of an experiment.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged, or of another architecture.
        InvalidInputError: Its layers have other shapes.
    """
    seed_everything(recipe.seed)
    network = build_network(recipe)
    if recipe.initial is not None:
        start_from(network, Path(recipe.initial))

    def objective(learner: nn.Module, batch: PoseBatch) -> dict[str, Tensor]:
        return losses(recipe, learner(batch.poses()), batch)

    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judge,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def losses(recipe: PoseDepthRecipe, found: Refinement, batch: PoseBatch) -> dict[str, Tensor]:
    """Each part of the loss times its weight, and their sum as `loss`."""
    joints, present, weights = batch.joints + found.offsets, batch.present, recipe.loss
    depth, across = position_loss(
        found.offsets, batch.truth - batch.joints, batch.visibility, present
    )
    target = recipe.confidence_target
    parts = {
        "depth": depth,
        "across": across,
        "bones": bone_loss(joints, batch.truth, present),
        "symmetry": symmetry_loss(joints, present),
        "confidence": confidence_loss(found.confidence, joints, batch.truth, present, target),
        "camera": camera_loss(found, batch.direction, batch.distance, present),
        "velocity": velocity_loss(joints, batch.truth, batch.seconds, present),
    }
    weighted = {name: getattr(weights, name) * part for name, part in parts.items()}
    return {"loss": torch.stack([*weighted.values()]).sum(), **weighted}


def start_from(network: RefinerNetwork, checkpoint: Path) -> None:
    """Load the weights of a checkpoint.

    Raises:
        FileNotFoundError: It is not there.
        CheckpointError: It is damaged, or of another architecture.
        InvalidInputError: Its layers have other shapes.
    """
    header, tensors = load_checkpoint(checkpoint, architecture_of(network))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InvalidInputError(
            f"{checkpoint} holds a network with {header.config['network']}; the recipe asks for "
            f"{network.config}"
        ) from error


def judge(network: nn.Module, batches: Iterable[PoseBatch]) -> dict[str, float]:
    """Mean errors in metres over body joints, before and after.

    `score` is one less the mean of the ratios after / before of the depth's and the whole error.
    """
    sums = torch.zeros(4, dtype=torch.float64)
    count = 0
    for batch in batches:
        found: Refinement = network(batch.poses())
        refined = batch.joints + found.offsets
        for place, joints in enumerate((batch.joints, refined)):
            centred = joints - joints[..., list(HIPS), :].mean(-2, keepdim=True)
            errors = (centred - batch.truth)[batch.present][:, list(BODY)].double().cpu()
            sums[place] += errors[..., 2].abs().sum()
            sums[2 + place] += errors.norm(dim=-1).sum()
        count += int(batch.present.sum()) * len(BODY)
    before, depth, mpjpe_before, mpjpe = (sums / max(count, 1)).tolist()
    score = 1 - (depth / before + mpjpe / mpjpe_before) / 2
    return {"depth_before": before, "depth": depth, "mpjpe": mpjpe, "score": score}


def prepare(recipe: PoseDepthRecipe) -> TrainingData[PoseBatch]:
    """Read the pairs that a recipe names.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: It holds too few pairs, or a file is damaged.
    """
    samples = training_samples(recipe)
    held_out = read_split([Path(folder) for folder in recipe.pairs], "validation")
    return TrainingData(samples, lambda: whole_batches(held_out, False), lambda: build(recipe))


def describe_data(recipe: PoseDepthRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    folders = [Path(folder) for folder in recipe.pairs]
    num = sum(len(pairs) for pairs in read_split(folders, "training"))
    return (
        f"{num} pictures of rendered people in poses of the CMU motion capture database (free to "
        "use; mocap.cs.cmu.edu, NSF EIA-0196217), as MediaPipe Pose Landmarker sees them; bodies "
        "of Anny (CC0)"
    )


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the data to learn from."""
    parser.add_argument("--pairs", nargs="+", metavar="DIR", help="folders of `data pose-pairs`")
    parser.add_argument("--library", metavar="FILE", help="file of `data pose-library`")


def with_data(recipe: PoseDepthRecipe, args: argparse.Namespace) -> PoseDepthRecipe:
    """The recipe with the folder of the command line.

    Raises:
        InvalidInputError: Neither names one.
    """
    pairs = tuple(map(str, args.pairs or recipe.pairs))
    if not pairs:
        raise InvalidInputError("no pairs to learn from: give --pairs DIR")
    return dataclasses.replace(recipe, pairs=pairs, library=args.library or recipe.library)


FITTING = Fitting(
    slug="pose_depth",
    kind=PoseDepthRecipe,
    default=Path(__file__).parents[1] / "recipes" / "pose_depth" / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=build_network,
    save=save_refiner_checkpoint,
    describe_data=describe_data,
)
