"""The regressor's training, put together from a recipe."""

import argparse
import dataclasses
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch.utils.data import DataLoader

from model.body.asset import load_asset
from model.body.rotation import matrix_to_rotation_6d
from model.body.smpl import Smpl
from model.checkpoint import load_checkpoint, load_header
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import ARCHITECTURE
from model.reconstruction.network import ReconstructionNetwork
from training.engine.batches import num_steps
from training.engine.encoder_weights import INITIAL_WEIGHTS
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.reconstruction.data import (
    ReconstructionBatch,
    TrainingSamples,
    load_people,
    validation_samples,
)
from training.reconstruction.initial_weights import load_encoder, typical_rotations
from training.reconstruction.judging import judge_bodies
from training.reconstruction.losses import body_losses
from training.reconstruction.origins import in_words
from training.reconstruction.recipe import ReconstructionRecipe
from training.reconstruction.reduced_body import reduced_asset
from training.reconstruction.regressor_file import read_keypoints, save_trained
from training.reconstruction.stored_people import StoredPeople, read_settings

logger = logging.getLogger(__name__)


def build(
    recipe: ReconstructionRecipe, people: StoredPeople
) -> SupervisedTask[ReconstructionBatch]:
    """Network, loss and validation of an experiment.

    Args:
        recipe: Of the experiment.
        people: To learn from; the network's answers are differences from their typical pose.

    Raises:
        FileNotFoundError: The body, or the checkpoint to start from, is not there.
        CheckpointError: One of them is damaged.
        InvalidInputError: The checkpoint is of another network, the body has another number of
            betas, or the weights' package is not installed.
        AssetError: The package holds another file than the published one.
    """
    seed_everything(recipe.seed)
    device = pick_device(recipe.device)
    _, asset = load_asset(Path(recipe.data.body))
    if asset.num_betas != recipe.network.num_betas:
        raise InvalidInputError(
            f"network.num_betas is {recipe.network.num_betas}; {recipe.data.body} has "
            f"{asset.num_betas}"
        )
    smpl = Smpl(reduced_asset(asset, recipe.num_vertices)).to(device)

    def objective(network: nn.Module, batch: ReconstructionBatch) -> dict[str, Tensor]:
        estimates = network(*batch.inputs)
        # Coordinates need more digits than bfloat16 has.
        with torch.autocast(batch.betas.device.type, enabled=False):
            return body_losses(smpl, estimates, batch, recipe.loss)

    def judgement(network: nn.Module, batches: Iterable[ReconstructionBatch]) -> dict[str, float]:
        return judge_bodies(network, batches, smpl)

    network = ReconstructionNetwork(recipe.network)
    set_typical_pose(network, people)
    if recipe.weights == "package":
        load_encoder(network)
    elif recipe.initial is not None:
        start_from(network, Path(recipe.initial))
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judgement,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=device,
    )


def set_typical_pose(network: ReconstructionNetwork, people: StoredPeople) -> None:
    """Let the network begin with the mean of the people's rotations."""
    poses = people.values("pose")
    matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix()
    rotations = typical_rotations(torch.from_numpy(matrices).unflatten(0, poses.shape[:2]))
    network.typical_6d.copy_(matrix_to_rotation_6d(rotations))


def start_from(network: ReconstructionNetwork, checkpoint: Path) -> None:
    """Load the weights of a regressor.

    Raises:
        FileNotFoundError: It is not there.
        CheckpointError: It is damaged, or of another architecture.
        InvalidInputError: It is of another configuration.
    """
    header, tensors = load_checkpoint(checkpoint, ARCHITECTURE)
    own = network.state_dict()
    given = {name: tensors.get(f"network.{name}") for name in own}
    fitting = {
        name: tensor
        for name, tensor in given.items()
        if tensor is not None and tensor.shape == own[name].shape
    }
    if len(fitting) < len(own):
        raise InvalidInputError(
            f"{checkpoint} holds a regressor with {header.config['network']}; the recipe asks for "
            f"{network.config}"
        )
    network.load_state_dict(fitting)


def prepare(recipe: ReconstructionRecipe) -> TrainingData[ReconstructionBatch]:
    """Open and check what a recipe names.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: The folders do not fit each other, or the body.
    """
    people, held_out = load_people(recipe.data, "training"), validation_samples(recipe)
    body = load_header(Path(recipe.data.body)).sha256
    networks = set()
    for folder in map(Path, recipe.data.people):
        settings = read_settings(folder)
        networks.add(settings["silhouette"])
        if settings["body"] != body:
            raise InvalidInputError(f"{folder} was made with another body than {recipe.data.body}")
    if len(networks) > 1:
        raise InvalidInputError("the folders were looked at by different silhouette networks")
    read_keypoints(recipe.data.people)
    logger.info(
        "%d pictures to learn from, %d to choose by; in %d more the network missed the person",
        len(people),
        len(held_out),
        people.num_missed,
    )
    return TrainingData(
        TrainingSamples(recipe, people),
        lambda: DataLoader(held_out, batch_size=32),
        lambda: build(recipe, people),
    )


def describe_data(recipe: ReconstructionRecipe) -> str:
    """What a run learned from, for the header of its checkpoint.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: Its settings cannot be read.
    """
    settings = [read_settings(Path(folder)) for folder in recipe.data.people]
    return in_words(settings) + INITIAL_WEIGHTS[recipe.weights]


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the data to learn from."""
    parser.add_argument(
        "--people", nargs="+", metavar="PREPARED", help="folders of `data reconstruction`"
    )
    parser.add_argument(
        "--body", metavar="FILE", help="asset that the betas belong to (that of the recipe)"
    )


def with_data(recipe: ReconstructionRecipe, args: argparse.Namespace) -> ReconstructionRecipe:
    """The recipe with the folders of the command line."""
    given: dict[str, Any] = {}
    if args.people:
        given["people"] = tuple(map(str, args.people))
    if args.body:
        given["body"] = str(args.body)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **given))


FITTING = Fitting(
    slug="reconstruction",
    kind=ReconstructionRecipe,
    default=Path(__file__).parents[1] / "recipes" / "reconstruction" / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=lambda recipe: ReconstructionNetwork(recipe.network),
    save=save_trained,
    describe_data=describe_data,
)
