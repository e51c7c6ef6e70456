"""The training of mesh confidence, put together from a recipe."""

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.mesh_confidence.network import MeshConfidenceNetwork, TrustEnsemble, build_network
from model.mesh_confidence.predictor import load_network, save_mesh_confidence_checkpoint
from training.engine.batches import num_steps
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.mesh_confidence.calibration import calibrate
from training.mesh_confidence.data import (
    MeshErrors,
    TrainingSamples,
    TrustBatch,
    in_batches,
    load_errors,
)
from training.mesh_confidence.losses import trust_loss, varied
from training.mesh_confidence.metrics import all_metrics, judge_rows
from training.mesh_confidence.recipe import MeshConfidenceRecipe

RECIPES = Path(__file__).parents[1] / "recipes" / "mesh_confidence"


def build(recipe: MeshConfidenceRecipe, rows: MeshErrors) -> SupervisedTask[TrustBatch]:
    """Network, loss and validation of an experiment.

    Args:
        recipe: Of the experiment.
        rows: To learn from; the network's inputs are standardised by them.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network.
    """
    seed_everything(recipe.seed)
    network = build_network(recipe.network)
    if recipe.initial is not None:
        _continue_from(network, Path(recipe.initial))
    else:
        with torch.no_grad():
            network.standardise.measure(network.inputs(torch.from_numpy(rows.features)))

    def objective(network: nn.Module, batch: TrustBatch) -> dict[str, Tensor]:
        assert isinstance(network, MeshConfidenceNetwork)
        return trust_loss(network, varied(batch, recipe.augmentation), recipe.loss)

    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judge,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def _continue_from(network: MeshConfidenceNetwork, checkpoint: Path) -> None:
    given, _ = load_network(checkpoint)
    if given.config != network.config:
        raise InvalidInputError(
            f"{checkpoint} holds a {given.config}; the recipe asks for a {network.config}"
        )
    network.load_state_dict(given.state_dict())


def judge(network: nn.Module, batches: Iterable[TrustBatch]) -> dict[str, float]:
    """Calibrate the network on held-out rows, then measure it on them.

    The temperatures are fitted to the same rows, which are many thousands. `score` is the mean of
    the AUROC of "good" and the share of worst joints among the first three, or the one of both that
    the network judges.
    """
    assert isinstance(network, MeshConfidenceNetwork)
    columns = [torch.cat(column).cpu() for column in zip(*batches, strict=True)]
    number = len(columns[1])
    rows = MeshErrors(
        columns[0].numpy(), columns[1].numpy(), np.zeros(number, int), np.full(number, -1)
    )
    if isinstance(network, TrustEnsemble):
        calibrate(network, rows)
    found = all_metrics(judge_rows(network, rows), rows)
    parts = [found[name] for name in ("auroc", "top3") if name in found]
    return found | {"score": float(np.mean(parts))}


def prepare(recipe: MeshConfidenceRecipe) -> TrainingData[TrustBatch]:
    """Read, split and filter the rows that a recipe names.

    Raises:
        FileNotFoundError: A folder lacks its files.
        InvalidInputError: No folder is named, a file is damaged, or a split is empty.
    """
    rows = load_errors([Path(folder) for folder in recipe.data.errors], "train")
    learned = rows.held_out(False).filtered(recipe.data.filter)
    held_out = rows.held_out(True)
    if not len(learned) or not len(held_out):
        raise InvalidInputError(
            f"{len(learned)} rows to learn from and {len(held_out)} to choose by: both are needed"
        )
    batches = in_batches(held_out)
    return TrainingData(
        TrainingSamples(learned, recipe.seed), lambda: batches, lambda: build(recipe, learned)
    )


def describe_data(recipe: MeshConfidenceRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    names = ", ".join(Path(folder).name for folder in recipe.data.errors)
    return f"disagreements and true errors of meshes: {names}"


def configure_data(parser: argparse.ArgumentParser) -> None:
    """The option that names the data to learn from."""
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of train.npz and train_occluded.npz, as `data mesh_confidence` writes them",
    )


def with_data(recipe: MeshConfidenceRecipe, args: argparse.Namespace) -> MeshConfidenceRecipe:
    """The recipe with the folders of --data."""
    errors = tuple(args.data or recipe.data.errors)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, errors=errors))


def save(path: Path, network: MeshConfidenceNetwork, _side: int, header: CheckpointHeader) -> None:
    """Write a checkpoint; the size of crops is no part of it."""
    save_mesh_confidence_checkpoint(path, network, header)


FITTING = Fitting(
    slug="mesh_confidence",
    kind=MeshConfidenceRecipe,
    default=RECIPES / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=lambda recipe: build_network(recipe.network),
    save=save,
    describe_data=describe_data,
)
