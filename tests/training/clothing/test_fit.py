import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from model.errors import InvalidInputError
from training.__main__ import main
from training.clothing.data import (
    ClothingBatch,
    TrainingSamples,
    ValidationSamples,
    count_labels,
    load_photos,
)
from training.clothing.recipe import ClothingRecipe
from training.clothing.task import build
from training.engine import torchvision_weights as weights
from training.engine.batches import Stage, StagedBatches, batch_loader
from training.engine.optimisation import Optimisation
from training.engine.seeding import seed_step
from training.engine.state import load_state
from training.engine.tasks import SupervisedTask
from training.recipe import load_recipe

RECIPES = sorted((Path(__file__).parents[3] / "training" / "recipes" / "clothing").glob("*.toml"))
CPU = torch.device("cpu")
RECIPE = """
device = "cpu"
[network]
network = "unet"
widths = [4, 8]
[data]
photo_side = 90
cache = "{cache}"
[optimisation]
precision = "fp32"
[routine]
judge_every = 2
save_every = 1
log_every = 1
num_workers = 0
[[stages]]
image_size = 64
steps = 4
batch_size = 2
"""


@pytest.fixture
def fit(clothing_folder: Path, tmp_path: Path) -> list[str]:
    """A command that trains for four steps; more options may follow."""
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(cache=tmp_path / "cache"))
    command = ["fit", "clothing", "--recipe", str(path), "--out", str(tmp_path / "run")]
    return [*command, "--ccp", str(clothing_folder)]


def begin(recipe: ClothingRecipe) -> SupervisedTask[ClothingBatch]:
    return build(recipe, count_labels(load_photos(recipe.data, held_out=False)).sum(0))


def batches(recipe: ClothingRecipe, step: int = 0) -> list[ClothingBatch]:
    photos = load_photos(recipe.data, held_out=False)
    samples = TrainingSamples(photos, np.ones(len(photos)), recipe.augmentation, recipe.seed)
    return list(batch_loader(samples, StagedBatches(recipe.stages, step), 0, CPU))


def test_the_network_overfits_one_batch(recipe: ClothingRecipe) -> None:
    batch = ClothingBatch(*(layer[:2] for layer in batches(recipe)[0]))
    settings = Optimisation(
        learning_rate=0.02, weight_decay=0, warmup_steps=5, precision="fp32", average_decay=0.5
    )
    wider = dataclasses.replace(recipe.network, widths=(16, 32))
    loss = dataclasses.replace(recipe.loss, smoothing=0.0)
    task = begin(
        dataclasses.replace(
            recipe,
            stages=(Stage(64, steps=100, batch_size=2),),
            network=wider,
            loss=loss,
            optimisation=settings,
        )
    )
    losses = [float(task.learn(batch)["loss"]) for _ in range(100)]
    assert losses[-1] < 0.1 * losses[0]
    judged = task.judge([batch])
    assert judged["pixel_accuracy"] > 0.95
    assert judged["foreground_accuracy"] > 0.9
    assert judged["grouped_mean_iou"] > 0.8


def test_a_resumed_training_ends_where_an_unbroken_one_ends(recipe: ClothingRecipe) -> None:
    unbroken, first, second = (begin(recipe) for _ in range(3))
    for batch in batches(recipe):
        unbroken.learn(batch)
    for batch in batches(recipe)[:2]:
        first.learn(batch)
    second.load_state_dict(first.state_dict())
    for batch in batches(recipe, step=2):
        second.learn(batch)
    torch.testing.assert_close(second.state_dict(), unbroken.state_dict(), rtol=0, atol=0)


def test_a_perfect_answer_is_judged_perfect(recipe: ClothingRecipe) -> None:
    class Oracle(nn.Module):
        """Knows the labels; what is unknown it calls null."""

        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            ids = next(known).long()
            one_hot = nn.functional.one_hot(ids.where(ids < 59, 0), 59)
            return [20.0 * one_hot.permute(0, 3, 1, 2)]

    held_out = ValidationSamples(load_photos(recipe.data, held_out=True), 64)
    known = iter([batch.labels for batch in DataLoader(held_out, batch_size=2)])
    task = begin(recipe)
    judged = task.judgement(Oracle(), DataLoader(held_out, batch_size=2))
    for name in ("pixel_accuracy", "foreground_accuracy", "grouped_mean_iou", "score"):
        assert judged[name] == 1


def test_saying_null_everywhere_is_judged_by_nulls_share(recipe: ClothingRecipe) -> None:
    class Null(nn.Module):
        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            logits = torch.zeros(len(images), 59, 8, 8)
            logits[:, 0] = 9
            return [logits]

    held_out = ValidationSamples(load_photos(recipe.data, held_out=True), 64)
    labels = held_out[0].labels
    first = next(iter(DataLoader(held_out, batch_size=1)))
    judged = begin(recipe).judgement(Null(), [first])
    known = labels[labels != 255]
    assert judged["pixel_accuracy"] == pytest.approx(float((known == 0).float().mean()))
    assert judged["foreground_accuracy"] == 0


def test_fit_writes_a_checkpoint_that_knows_where_it_comes_from(
    fit: list[str], clothing_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit) == 0
    run = tmp_path / "run"
    predictor = ClothingPredictor.from_checkpoint(run / "clothing.safetensors")
    header = predictor.header
    assert header is not None
    assert predictor.input_size == 64
    description = json.loads((run / "run.json").read_text())
    (part,) = header.lineage
    assert part.recipe == description["recipe"] | {"command": description["command"]}
    assert part.recipe["data"]["photos"] == str(clothing_folder)
    assert part.steps > 0
    assert "Clothing Co-Parsing" in header.trained_on
    assert header.licence == "Apache-2.0"
    assert 0 <= header.metrics["pixel_accuracy"] <= 1
    assert len(load_state(run / "best.safetensors")["task"]["average"]) > 10
    # It is not overwritten by accident, and is exported again for another size.
    assert main(fit) == 1
    assert "already holds a run" in capsys.readouterr().err
    assert main([*fit, "--resume"]) == 0
    exported = tmp_path / "elsewhere.safetensors"
    again = ["fit", "clothing", "--out", str(run), "--export", str(exported)]
    assert main([*again, "--input-size", "96"]) == 0
    assert ClothingPredictor.from_checkpoint(exported).input_size == 96
    with pytest.raises(SystemExit) as exit:
        main([*again, "--input-size", "8"])
    assert exit.value.code == 2
    assert "8 is too few; at least 16" in capsys.readouterr().err


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_learns_resumes_and_is_judged(path: Path, recipe: ClothingRecipe) -> None:
    given = load_recipe(path, ClothingRecipe)
    small: dict[str, Any] = {"widths": (4, 8)} if given.network.network == "unet" else {}
    tried = dataclasses.replace(
        recipe,
        stages=(Stage(64, steps=2, batch_size=1),),
        network=dataclasses.replace(given.network, **small),
        loss=given.loss,
        optimisation=dataclasses.replace(given.optimisation, precision="fp32"),
    )
    task = begin(tried)
    first, second = batches(tried)
    # A batch of one: no norm over a single value stops it.
    assert torch.isfinite(task.learn(first)["loss"])
    state, ends = copy.deepcopy(task.state_dict()), []
    for _ in range(2):
        # A copy: the optimiser counts its steps in the very tensors that it is given.
        task.load_state_dict(copy.deepcopy(state))
        seed_step(0, 1, 0)
        task.learn(second)
        ends.append({name: tensor.clone() for name, tensor in task.network.state_dict().items()})
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)
    judged = task.judge([second])
    assert 0 <= judged["score"] <= 1


def test_a_run_can_start_from_a_checkpoint(recipe: ClothingRecipe, tmp_path: Path) -> None:
    torch.manual_seed(7)
    network = ClothingNetwork(recipe.network)
    path = tmp_path / "start.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
    save_clothing_checkpoint(path, network, 64, header)
    started = begin(dataclasses.replace(recipe, initial=str(path))).network.state_dict()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(started[name], tensor, rtol=1e-3, atol=1e-4)
    wider = dataclasses.replace(recipe.network, widths=(4, 16))
    with pytest.raises(InvalidInputError, match="the recipe asks for"):
        begin(dataclasses.replace(recipe, initial=str(path), network=wider))
    with pytest.raises(ValueError, match="two beginnings"):
        dataclasses.replace(recipe, initial=str(path), weights="coco")


def test_a_network_with_other_than_the_labels_channels_is_refused(recipe: ClothingRecipe) -> None:
    network = dataclasses.replace(recipe.network, num_classes=21)
    with pytest.raises(InvalidInputError, match="num_classes is 21; there are 59 labels"):
        begin(dataclasses.replace(recipe, network=network))


def test_weights_that_a_network_does_not_have_are_refused(recipe: ClothingRecipe) -> None:
    with pytest.raises(InvalidInputError, match="there are no weights 'imagenet' for unet"):
        begin(dataclasses.replace(recipe, weights="imagenet"))


def test_published_weights_go_everywhere_but_into_the_last_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = ClothingConfig(network="deeplabv3_mobilenet_v3_large", auxiliary=True)
    torch.manual_seed(0)
    published = ClothingNetwork(dataclasses.replace(config, num_classes=21)).network.state_dict()
    monkeypatch.setattr(weights, "download", lambda _: published)
    network = ClothingNetwork(config)
    drawn = {name: tensor.clone() for name, tensor in network.network.state_dict().items()}
    weights.start_from(network, "coco")
    for name, tensor in network.network.state_dict().items():
        last = name.startswith(("classifier.4.", "aux_classifier.4."))
        torch.testing.assert_close(tensor, drawn[name] if last else published[name])


def test_a_backbones_weights_are_found_in_a_classifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ClothingNetwork(ClothingConfig(network="deeplabv3_mobilenet_v3_large"))
    backbone = network.network.get_submodule("backbone").state_dict()
    published = {f"features.{name}": torch.ones_like(value) for name, value in backbone.items()}
    published |= {"classifier.0.weight": torch.zeros(2, 2)}
    monkeypatch.setattr(weights, "download", lambda _: published)
    weights.start_from(network, "imagenet")
    found = network.network.get_submodule("backbone").state_dict()
    assert all(bool((tensor == 1).all()) for tensor in found.values())


def test_weights_that_cannot_be_downloaded_are_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(InvalidInputError, match=r"cannot be downloaded .* no route to host"):
        weights.download(weights.COCO["deeplabv3_resnet50"])


def test_data_are_packed_beforehand(fit: list[str], tmp_path: Path) -> None:
    assert main([*fit, "--prepare"]) == 0
    folders = sorted((tmp_path / "cache").iterdir())
    assert [folder.name.rpartition("-")[0] for folder in folders] == ["held-out-photos", "photos"]
    assert not (tmp_path / "run").exists()


def test_what_earlier_weights_had_learned_from_goes_along(fit: list[str], tmp_path: Path) -> None:
    config = ClothingConfig("unet", widths=(4, 8))
    header = CheckpointHeader(
        "", {}, (TrainingPart({}, "abc", "pictures of a museum", 0),), {}, "Apache-2.0"
    )
    path = tmp_path / "earlier.safetensors"
    save_clothing_checkpoint(path, ClothingNetwork(config), 64, header)
    assert main([*fit, "--initial", str(path)]) == 0
    made = ClothingPredictor.from_checkpoint(tmp_path / "run" / "clothing.safetensors").header
    assert made is not None
    assert made.lineage[0] == header.lineage[0]
    assert len(made.lineage) == 2
    assert made.trained_on == f"{made.lineage[1].data}; pictures of a museum"
