import dataclasses
from pathlib import Path

import pytest
import torch

from model.errors import InvalidInputError
from model.mesh_confidence.network import MeshConfidenceConfig
from model.mesh_confidence.predictor import MeshConfidencePredictor, load_network
from training.__main__ import main
from training.engine.batches import Stage, StagedBatches, batch_loader
from training.engine.optimisation import Optimisation, make_optimisers
from training.engine.seeding import seed_step
from training.engine.tasks import SupervisedTask
from training.mesh_confidence.data import (
    MeshErrors,
    TrainingSamples,
    TrustBatch,
    in_batches,
    read_errors,
    save_errors,
)
from training.mesh_confidence.recipe import Augmentation, MeshConfidenceRecipe
from training.mesh_confidence.task import build, judge, prepare
from training.recipe import load_recipe

RECIPES = sorted(
    (Path(__file__).parents[3] / "training" / "recipes" / "mesh_confidence").glob("*.toml")
)
CPU = torch.device("cpu")


@pytest.fixture
def recipe() -> MeshConfidenceRecipe:
    return MeshConfidenceRecipe(
        network=MeshConfidenceConfig(members=2, width=16, dropout=0.1),
        augmentation=Augmentation(mirror_probability=0.5, noise=0.01, hidden_probability=0.3),
        optimisation=Optimisation(warmup_steps=2, precision="fp32", average_decay=0.9),
        stages=(Stage(224, steps=4, batch_size=32),),
        device="cpu",
    )


def batches(recipe: MeshConfidenceRecipe, rows: MeshErrors, step: int = 0) -> list[TrustBatch]:
    samples = TrainingSamples(rows, recipe.seed)
    return list(batch_loader(samples, StagedBatches(recipe.stages, step), 0, CPU))


@pytest.mark.parametrize("name", ["mesh_classifier", "worst_joint_classifier", "trust_ensemble"])
def test_every_network_overfits_one_batch(
    recipe: MeshConfidenceRecipe, rows: MeshErrors, name: str
) -> None:
    network = dataclasses.replace(recipe.network, name=name, dropout=0.0)
    settings = Optimisation(
        learning_rate=0.02, weight_decay=0, warmup_steps=5, precision="fp32", average_decay=0.5
    )
    recipe = dataclasses.replace(
        recipe,
        network=network,
        augmentation=Augmentation(),
        optimisation=settings,
        stages=(Stage(224, steps=150, batch_size=32),),
    )
    task = build(recipe, rows)
    batch = TrustBatch(*(layer[:12] for layer in batches(recipe, rows)[0]))
    losses = [float(task.learn(batch)["loss"]) for _ in range(150)]
    assert losses[-1] < 0.35 * losses[0]


def test_a_resumed_training_ends_where_an_unbroken_one_ends(
    recipe: MeshConfidenceRecipe, rows: MeshErrors
) -> None:
    def learn(task: SupervisedTask[TrustBatch], part: list[TrustBatch]) -> None:
        for batch in part:
            seed_step(recipe.seed, task.step, 0)
            task.learn(batch)

    unbroken, first, second = (build(recipe, rows) for _ in range(3))
    learn(unbroken, batches(recipe, rows))
    learn(first, batches(recipe, rows)[:2])
    second.load_state_dict(first.state_dict())
    learn(second, batches(recipe, rows, step=2))
    torch.testing.assert_close(second.state_dict(), unbroken.state_dict(), rtol=0, atol=0)


def test_judging_calibrates_the_weights_that_are_kept(
    recipe: MeshConfidenceRecipe, rows: MeshErrors
) -> None:
    task = build(recipe, rows)
    judged = task.judge(in_batches(rows))
    assert {"accuracy", "auroc", "f1", "ece", "top1", "top3", "joint_auroc"} <= judged.keys()
    assert judged["score"] == pytest.approx((judged["auroc"] + judged["top3"]) / 2)
    kept = task.state_dict()["average"]["good_calibration"]
    assert kept.item() != 1
    assert judged["ece"] < 0.5


def test_a_classifier_is_judged_by_what_it_says(
    recipe: MeshConfidenceRecipe, rows: MeshErrors
) -> None:
    for name, score in (("mesh_classifier", "auroc"), ("worst_joint_classifier", "top3")):
        network = MeshConfidenceConfig(name=name)  # type: ignore[arg-type]
        task = build(dataclasses.replace(recipe, network=network), rows)
        judged = judge(task.network.eval(), in_batches(rows))
        assert judged["score"] == judged[score]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    assert load_recipe(path, MeshConfidenceRecipe).stages


def test_the_recipes_of_the_classifiers_have_the_publications_optimisers() -> None:
    recipes = {path.stem: load_recipe(path, MeshConfidenceRecipe) for path in RECIPES}
    parameters = torch.nn.Linear(2, 2)
    mesh = make_optimisers(parameters, recipes["mesh_classifier"].optimisation)
    (group, *_) = mesh["sgd"].param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.9, 0)
    worst = make_optimisers(parameters, recipes["worst_joint_classifier"].optimisation)
    (group, *_) = worst["adamw"].param_groups  # Adam: without decay
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.9, 0.999), 0)
    for name in ("mesh_classifier", "worst_joint_classifier"):
        assert recipes[name].stages[0].batch_size == 32


def test_without_a_held_out_sequence_nothing_is_trained(
    recipe: MeshConfidenceRecipe, errors_folder: Path
) -> None:
    for name in ("train", "train_occluded"):
        rows = read_errors(errors_folder / f"{name}.npz")
        rows.sequence[:] = 0
        save_errors(errors_folder / f"{name}.npz", rows)
    data = dataclasses.replace(recipe.data, errors=(str(errors_folder),))
    with pytest.raises(InvalidInputError, match="0 to choose by"):
        prepare(dataclasses.replace(recipe, data=data))


def test_the_command_trains_a_checkpoint_that_the_predictor_loads(
    errors_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = next(path for path in RECIPES if path.stem == "smoke")
    out = tmp_path / "run"
    command = ["fit", "mesh_confidence", "--recipe", str(smoke), "--out", str(out)]
    assert main([*command, "--data", str(errors_folder), "--device", "cpu"]) == 0
    assert "evaluate mesh_confidence" in capsys.readouterr().out
    path = out / "mesh_confidence.safetensors"
    assert MeshConfidencePredictor.from_checkpoint(path).header is not None
    network, header = load_network(path)
    assert header.trained_on == "disagreements and true errors of meshes: errors"
    assert 0 < header.metrics["score"] < 1
    assert float(network.good_calibration[0]) != 1  # type: ignore[union-attr]
