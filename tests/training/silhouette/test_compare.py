import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from model.errors import InvalidInputError
from model.silhouette.network import HourglassConfig, ResidualBlock
from training.__main__ import main
from training.engine.batches import Stage
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder
from training.recipe import load_recipe
from training.reporting.cost import giga_flops
from training.reporting.spread import summarise
from training.silhouette.compare import METRICS, RECIPES, markdown
from training.silhouette.dataset import SilhouetteBatch
from training.silhouette.fit import export
from training.silhouette.networks import build_network
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build

RECIPE = """
device = "cpu"
[network]
num_stacks = 1
num_features = 8
depth = 2
refinement_width = {width}
[data]
validation_fraction = 0.5
cache = "{cache}"
[optimisation]
precision = "fp32"
[routine]
judge_every = 2
save_every = 1
num_workers = 0
[[stages]]
image_size = 32
steps = 2
batch_size = 2
"""


@pytest.fixture
def comparison(shader_folder: Path, ccp_folder: Path, tmp_path: Path) -> list[str]:
    paths = [tmp_path / "plain.toml", tmp_path / "refined.toml"]
    for path, width in zip(paths, (0, 4), strict=True):
        path.write_text(RECIPE.format(width=width, cache=tmp_path / "cache"))
    options = ["--seeds", "3", "5", "--out", str(tmp_path / "out")]
    data = ["--data", str(shader_folder), "--ccp", str(ccp_folder)]
    return ["compare", "silhouette", *map(str, paths), *options, *data]


def test_a_comparison_trains_every_recipe_with_every_seed_and_writes_a_table(
    comparison: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(comparison) == 0
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert list(zip(runs.network, runs.seed, strict=True)) == [
        ("plain", 3),
        ("plain", 5),
        ("refined", 3),
        ("refined", 5),
    ]
    judged = pd.read_csv(tmp_path / "out" / "refined-5" / "judged.csv")
    assert runs.overlap.iloc[3] == pytest.approx(judged.overlap.iloc[-1])
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert report["plain"]["overlap"]["mean"] == pytest.approx(runs.overlap[:2].mean())
    assert report["refined"]["parameters"] > report["plain"]["parameters"]
    assert 0 < report["plain"]["auroc"]["mean"] < 1
    assert "| refined |" in capsys.readouterr().out


def test_what_is_trained_already_is_not_trained_again(
    comparison: list[str], tmp_path: Path
) -> None:
    assert main(comparison) == 0
    weights = tmp_path / "out" / "plain-3" / "best.safetensors"
    before, written = weights.read_bytes(), weights.stat().st_mtime_ns
    assert main(comparison) == 0
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == (before, written)


def test_a_run_that_ended_early_is_not_gone_on_with(
    comparison: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "plain.toml", tmp_path / "refined.toml"):
        text = path.read_text().replace("judge_every = 2", "judge_every = 1\npatience = 1")
        text = text.replace("patience = 1", "patience = 1\nmin_delta = 9.0")
        path.write_text(text.replace("steps = 2", "steps = 4"))
    assert main(comparison) == 0
    judged = pd.read_csv(tmp_path / "out" / "plain-3" / "judged.csv")
    assert judged.step.tolist() == [1, 2]

    def train(*_: object) -> None:
        pytest.fail("trained again")

    monkeypatch.setattr("training.silhouette.compare.train", train)
    assert main(comparison) == 0


def test_a_folder_of_another_recipe_is_refused(
    comparison: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(comparison) == 0
    path = tmp_path / "plain.toml"
    path.write_text(path.read_text().replace("num_features = 8", "num_features = 4"))
    assert main(comparison) == 1
    assert "another network" in capsys.readouterr().err


def test_the_summary_is_mean_and_sample_deviation_over_the_seeds() -> None:
    values = np.array([0.5, 0.6, 0.9])
    frame = pd.DataFrame({"network": "a", "seed": range(3)} | dict.fromkeys(METRICS, values))
    cost = {"parameters": 1e6, "giga_flops": 2.0}
    report = summarise(frame, {"a": cost}, METRICS)
    assert report["a"]["overlap"]["mean"] == pytest.approx(2 / 3)
    deviation = np.sqrt(((values - values.mean()) ** 2).sum() / 2)
    assert report["a"]["skin"]["std"] == pytest.approx(deviation)
    assert "0.667 ± 0.208" in markdown(report)
    alone = summarise(frame[:1], {"a": cost}, METRICS)
    assert alone["a"]["skin"]["std"] is None
    assert "±" not in markdown(alone)


def test_the_comparisons_recipes_differ_in_the_network_alone() -> None:
    recipes = {path.stem: load_recipe(path, SilhouetteRecipe) for path in RECIPES.glob("*.toml")}
    assert set(recipes) == {
        "reference", "reference_wide", "single_channel", "refined", "refined_thin", "unet",
        "unet_wide", "efficientnet_lite", "efficientnet_lite_drawn",
    }  # fmt: skip
    rest = {(r.stages, r.data, r.augmentation, r.optimisation, r.routine) for r in recipes.values()}
    assert len(rest) == 1
    assert recipes["reference"].network == HourglassConfig()
    assert recipes["single_channel"].network.num_channels == 1


def test_operations_are_counted_as_written_out_for_a_convolution() -> None:
    """Two for each multiply-add of a 1x1, 3x3, 1x1 block on 8 x 8 pixels."""
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), ResidualBlock(4, 4))
    multiply_adds = 64 * (3 * 4 + 4 * 2 + 2 * 2 * 9 + 2 * 4)
    assert giga_flops(block, 8) == pytest.approx(2 * multiply_adds / 1e9)


def test_the_baseline_learns_and_is_not_served(shader_folder: Path, tmp_path: Path) -> None:
    recipe = SilhouetteRecipe(
        stages=(Stage(32, steps=6, batch_size=2),),
        optimisation=Optimisation(learning_rate=0.003, warmup_steps=1, precision="fp32"),
        baseline="unet-efficientnet-b0",
        device="cpu",
    )
    task = build(recipe)
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(2, 1, 32, 32)
    truth[..., 8:24, 12:20] = 1
    images = torch.rand(2, 3, 32, 32, generator=generator) * 0.2 + 0.8 * truth
    ones = torch.ones_like(truth)
    batch = SilhouetteBatch(images, truth, ones, truth, ones, torch.zeros(2, dtype=torch.bool))
    losses = [float(task.learn(batch)["loss"]) for _ in range(6)]
    assert losses[-1] < losses[0]
    (output,) = build_network(recipe).eval()(images)
    assert output.shape == (2, 1, 32, 32)
    assert 5 < giga_flops(build_network(recipe)) < 7
    with pytest.raises(ValueError, match="another network"):
        SilhouetteRecipe(recipe.stages, baseline="unet-efficientnet-b0", initial="a.safetensors")


def test_the_baselines_running_statistics_follow_within_a_short_run() -> None:
    """Else the network that is judged is not the one that was trained."""
    torch.manual_seed(0)
    network = build_network(SilhouetteRecipe((Stage(32, 1, 2),), baseline="unet-efficientnet-b0"))
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    with torch.no_grad():
        for _ in range(50):
            network.train()(images)
    mean, variance = seen[-1].mean((0, 2, 3)), seen[-1].var((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, mean, rtol=0.01, atol=0.01)
    torch.testing.assert_close(norm.running_var, variance, rtol=0.01, atol=0.01)


def test_a_baselines_run_is_not_exported(
    shader_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unet.toml"
    text = RECIPE.format(width=0, cache=tmp_path / "cache")
    path.write_text('baseline = "unet-efficientnet-b0"\n' + text)
    out = tmp_path / "run"
    command = ["fit", "silhouette", str(path), "--out", str(out), "--data", str(shader_folder)]
    assert main(command) == 0
    assert "no checkpoint to serve" in capsys.readouterr().out
    with pytest.raises(InvalidInputError, match="baseline"):
        export(RunFolder.open(out), tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
