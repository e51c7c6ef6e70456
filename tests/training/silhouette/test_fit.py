import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint
from model.errors import InvalidInputError
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import (
    ARCHITECTURES,
    SilhouettePredictor,
    save_silhouette_checkpoint,
)
from training.__main__ import main
from training.engine.batches import Stage, StagedBatches, batch_loader
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder
from training.engine.state import load_state
from training.recipe import load_recipe
from training.scenes.data_recipe import DataRecipe
from training.silhouette.data import SilhouetteBatch, TrainingSamples
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build

RECIPE = """
device = "cpu"
[network]
num_stacks = 2
num_features = 8
depth = 2
[data]
validation_fraction = 0.5
cache = "{cache}"
keypoints = "{keypoints}"
[optimisation]
precision = "fp32"
[routine]
judge_every = 2
save_every = 1
log_every = 1
num_workers = 0
[[stages]]
image_size = 16
steps = {steps}
batch_size = 4
[[stages]]
image_size = 32
steps = 2
batch_size = 2
"""
CPU = torch.device("cpu")
RECIPES = Path(__file__).parents[3] / "training" / "recipes" / "silhouette"


@pytest.fixture
def recipe(
    shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path
) -> SilhouetteRecipe:
    return SilhouetteRecipe(
        stages=(Stage(image_size=32, steps=3, batch_size=4), Stage(48, steps=2, batch_size=2)),
        data=DataRecipe(
            pairs=(str(shader_folder),),
            photos=str(ccp_folder),
            keypoints=str(ccp_keypoints),
            cache=str(tmp_path / "cache"),
        ),
        network=HourglassConfig(num_stacks=2, num_features=8, depth=2),
        optimisation=Optimisation(precision="fp32", warmup_steps=2),
        device="cpu",
    )


@pytest.fixture
def fit(shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path) -> list[str]:
    """A command that trains for four steps; more options may follow."""
    path = tmp_path / "recipe.toml"
    text = RECIPE.format(cache=tmp_path / "cache", keypoints=ccp_keypoints, steps=2)
    path.write_text(text)
    command = ["fit", "silhouette", "--recipe", str(path), "--out", str(tmp_path / "run")]
    return [*command, "--data", str(shader_folder), "--ccp", str(ccp_folder)]


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def batches(recipe: SilhouetteRecipe, step: int = 0) -> list[SilhouetteBatch]:
    samples = TrainingSamples.load(recipe)
    return list(batch_loader(samples, StagedBatches(recipe.stages, step), 0, CPU))


def test_the_network_overfits_one_batch(recipe: SilhouetteRecipe) -> None:
    batch = SilhouetteBatch(*(layer[:2] for layer in batches(recipe)[0]))
    task = build(
        SilhouetteRecipe(
            stages=(Stage(32, steps=150, batch_size=2),),
            network=HourglassConfig(num_stacks=1, num_features=16, depth=2),
            optimisation=Optimisation(
                learning_rate=0.01, weight_decay=0, warmup_steps=5, precision="fp32"
            ),
            device="cpu",
        )
    )
    losses = [float(task.learn(batch)["loss"]) for _ in range(150)]
    assert losses[-1] < 0.02 * losses[0]
    assert losses[-1] < 0.02


def test_a_resumed_training_ends_where_an_unbroken_one_ends(recipe: SilhouetteRecipe) -> None:
    unbroken, first, second = (build(recipe) for _ in range(3))
    for batch in batches(recipe):
        unbroken.learn(batch)
    for batch in batches(recipe)[:2]:
        first.learn(batch)
    second.load_state_dict(first.state_dict())
    for batch in batches(recipe, step=2):
        second.learn(batch)
    torch.testing.assert_close(second.state_dict(), unbroken.state_dict(), rtol=0, atol=0)


def test_a_seed_decides_the_first_weights(recipe: SilhouetteRecipe) -> None:
    one, same = (build(recipe).network.state_dict() for _ in range(2))
    torch.testing.assert_close(one, same, rtol=0, atol=0)


def test_fit_writes_a_checkpoint_that_knows_where_it_comes_from(
    fit: list[str], tmp_path: Path
) -> None:
    assert main(fit) == 0
    run = tmp_path / "run"
    predictor = SilhouettePredictor.from_checkpoint(run / "silhouette.safetensors")
    header = predictor.header
    assert header is not None
    assert predictor.input_size == 32
    description = json.loads((run / "run.json").read_text())
    (part,) = header.lineage
    assert part.recipe == description["recipe"] | {"command": description["command"]}
    assert part.recipe["command"].startswith("python -m training ")
    assert part.recipe["data"]["pairs"] == [str(tmp_path / "shader")]
    assert header.licence == "Apache-2.0"
    assert "Clothing Co-Parsing" in header.trained_on
    assert part.steps in (2, 4)
    assert 0 <= header.metrics["iou_target"] <= 1
    assert len(header.commit) >= 40 or header.commit == "unknown"
    average = load_state(run / "best.safetensors")["task"]["average"]
    _, tensors = load_checkpoint(run / "silhouette.safetensors", *ARCHITECTURES)
    kept = {n: t.half() if t.is_floating_point() else t for n, t in average.items()}
    torch.testing.assert_close(tensors, kept, rtol=0, atol=0)
    assert (run / "learned.csv").read_text().count("\n") == 5
    assert list((run / "tensorboard").iterdir())


def test_a_run_is_not_overwritten_by_accident(
    fit: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit) == 0
    assert main(fit) == 1
    assert "already holds a run" in capsys.readouterr().err
    out = str(tmp_path / "run")
    assert main(["fit", "silhouette", "--out", out, "--resume"]) == 0
    assert main([*fit, "--resume"]) == 0
    Path(fit[3]).write_text(Path(fit[3]).read_text() + "[colours]\ncolour = 0.1\n")
    assert main([*fit, "--resume"]) == 1
    assert "differs from the run's recipe in colours" in capsys.readouterr().err
    exported = tmp_path / "elsewhere.safetensors"
    assert main(["fit", "silhouette", "--out", out, "--export", str(exported)]) == 0
    assert SilhouettePredictor.from_checkpoint(exported).input_size == 32


def test_the_weights_of_the_last_step_can_be_exported_whatever_their_score(
    fit: list[str], tmp_path: Path
) -> None:
    assert main(fit) == 0
    state = RunFolder.open(tmp_path / "run").load_last()
    assert state is not None
    path = tmp_path / "last.safetensors"
    out = str(tmp_path / "run")
    assert main(["fit", "silhouette", "--out", out, "--export", str(path), "--last"]) == 0
    header, tensors = load_checkpoint(path, *ARCHITECTURES)
    assert header.lineage[-1].steps == state["step"]
    assert header.metrics == {}
    name, stored = next(iter(state["task"]["average"].items()))
    np.testing.assert_allclose(tensors[name].float(), stored, atol=1e-3)


def test_an_interrupted_fit_says_how_to_continue(fit: list[str], tmp_path: Path) -> None:
    recipe = Path(fit[3])
    recipe.write_text(recipe.read_text().replace("steps = 2", "steps = 100000", 1))
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *fit], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "last.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--out {tmp_path / 'run'} --resume" in output.decode()
    state = RunFolder.open(tmp_path / "run").load_last()
    assert state is not None
    assert f"stopped after step {state['step']}" in output.decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "holds no run to continue"),
        (["--data", "nowhere"], "no such file or folder: nowhere"),
        (["--ccp", "nowhere"], "no such file or folder: nowhere"),
    ],
)
def test_a_wrong_path_is_said_to_be_one(
    fit: list[str], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*fit, *options]) == 1
    assert message in capsys.readouterr().err


def test_without_pairs_nothing_is_trained(
    fit: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit[:6]) == 1
    assert "name their folder in data.pairs, or by --data" in capsys.readouterr().err


def test_a_checkpoint_is_measured_beside_its_baselines(
    fit: list[str],
    shader_folder: Path,
    ccp_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(fit) == 0
    command = ["evaluate", "silhouette"]
    command += ["--checkpoint", str(tmp_path / "run" / "silhouette.safetensors")]
    where = ["--data", str(shader_folder), "--ccp", str(ccp_folder)]
    assert main([*command, *where, "--json", str(tmp_path / "out.json")]) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert set(report["rendered"]) == {
        "network",
        "dressed silhouette",
        "body and a constant in cloth",
    }
    for row in report["rendered"].values():
        assert 0 <= row["mae"] <= row["mae_cloth"] + row["mae"] <= 2
        assert 0 <= row["iou_body"] <= 1
        assert 0 <= row["iou_target"] <= 1
    assert report["photos"]["photos"] >= 1
    assert "AUROC" in capsys.readouterr().out
    assert main([*command, *where, "--all-subjects", "--limit", "3"]) == 0
    assert "3 pictures of 3 rendered people, test split" in capsys.readouterr().out
    assert main(command) == 1
    assert "nothing to measure on" in capsys.readouterr().err


def test_figures_hold_the_map_and_the_weighted_picture(
    fit: list[str], shader_folder: Path, tmp_path: Path
) -> None:
    assert main(fit) == 0
    checkpoint = tmp_path / "run" / "silhouette.safetensors"
    folder, out = shader_folder / "maleBatch002" / "0000", tmp_path / "figures"
    image = folder / "dressed" / "Image0000.png"
    command = ["figures", "silhouette", "--checkpoint", str(checkpoint), "--out", str(out)]
    assert main([*command, "--image", str(image)]) == 0
    width = pixels_of(out / "figure.png").shape[1]
    confidence = np.load(out / "conf_pred.npy")
    pixels = pixels_of(image)
    expected = SilhouettePredictor.from_checkpoint(checkpoint).predict_batch([pixels])[0]
    np.testing.assert_allclose(confidence, expected.confidence, atol=1e-5)
    weighted = pixels_of(out / "weighted.png").astype(float)
    assert np.abs(weighted - pixels * confidence[..., None]).max() <= 0.51
    truth = folder / "naked" / "Image0000.png"
    assert main([*command, "--image", str(image), "--truth", str(truth)]) == 0
    assert pixels_of(out / "figure.png").shape[1] > 1.3 * width


def test_a_run_can_start_from_a_checkpoint(recipe: SilhouetteRecipe, tmp_path: Path) -> None:
    torch.manual_seed(7)
    network = StackedHourglass(recipe.network)
    path = tmp_path / "start.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
    save_silhouette_checkpoint(path, network, 32, header)
    started = build(dataclasses.replace(recipe, initial=str(path)))
    for name, tensor in network.state_dict().items():
        # Checkpoints are kept in half precision.
        for found in (started.network, started.average.network):
            torch.testing.assert_close(found.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)
    wider = dataclasses.replace(recipe, initial=str(path), network=HourglassConfig(num_stacks=1))
    with pytest.raises(InvalidInputError, match="the recipe asks for"):
        build(wider)
    with pytest.raises(FileNotFoundError):
        build(dataclasses.replace(recipe, initial=str(tmp_path / "none.safetensors")))


def test_the_maps_of_the_body_and_of_people_overfit_one_batch(recipe: SilhouetteRecipe) -> None:
    batch = SilhouetteBatch(*(layer[:2] for layer in batches(recipe)[0]))
    assert batch.has_box.any()
    task = build(
        SilhouetteRecipe(
            stages=(Stage(32, steps=120, batch_size=2),),
            lite=LiteConfig(0, (16, 16, 16, 8), head_width=8),
            optimisation=Optimisation(
                learning_rate=0.01, weight_decay=0, warmup_steps=5, precision="fp32"
            ),
            device="cpu",
        )
    )
    learned = [task.learn(batch) for _ in range(120)]
    for name in ("map", "heat", "boxes"):
        first, last = (float(learned[step][name]) for step in (0, -1))
        assert last < 0.3 * first, name
    parts = sum(float(learned[0][name]) for name in ("map", "heat", "boxes"))
    assert float(learned[0]["loss"]) == pytest.approx(parts, rel=1e-5)


def test_where_the_head_for_people_learns_alone_the_rest_of_the_network_stays(
    recipe: SilhouetteRecipe, tmp_path: Path
) -> None:
    config, path = LiteConfig(0, (16, 16, 16, 8), head_width=8), tmp_path / "start.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
    save_silhouette_checkpoint(path, LiteSilhouette(config), 32, header)
    settings = SilhouetteRecipe(
        stages=(Stage(32, steps=3, batch_size=2),),
        lite=config,
        learned="people",
        initial=str(path),
        device="cpu",
    )
    task = build(settings)
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    for _ in range(3):
        task.learn(SilhouetteBatch(*(layer[:2] for layer in batches(recipe)[0])))
    changed = {n for n, tensor in task.network.state_dict().items() if (tensor != before[n]).any()}
    assert changed
    assert all(name.startswith("people.") for name in changed)
    with pytest.raises(ValueError, match="initial"):
        dataclasses.replace(settings, initial=None)


@pytest.mark.parametrize("mask", ["dressed", "naked"])
def test_the_reference_hourglass_trains_and_is_served(
    shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path, mask: str
) -> None:
    reference = RECIPES / "reference.toml"
    recipe = load_recipe(reference, SilhouetteRecipe)
    assert recipe.objective == "squared_error"
    assert recipe.network == HourglassConfig(num_stacks=2, num_features=128)
    small = ["network.num_features=16", "network.depth=2", "optimisation.precision=fp32"]
    small += [f"data.cache={tmp_path / 'cache'}", "data.validation_fraction=0.5"]
    small += [f"data.keypoints={ccp_keypoints}"]
    small += ["routine.num_workers=0", "stages=[{image_size=32, steps=2, batch_size=2}]"]
    command = ["fit", "silhouette", "--recipe", str(reference), "--device", "cpu"]
    command += ["--data", str(shader_folder), "--ccp", str(ccp_folder), "--out", str(tmp_path)]
    assert main([*command, "--set", f"loss_mask={mask}", *small]) == 0
    predictor = SilhouettePredictor.from_checkpoint(tmp_path / "silhouette.safetensors")
    image = np.zeros((40, 30, 3), np.uint8)
    (result,) = predictor.predict_batch([image])
    assert result.confidence.shape == (40, 30)
    header = predictor.header
    assert header is not None
    assert header.architecture == "stacked-hourglass"
    assert header.lineage[0].recipe["loss_mask"] == mask
