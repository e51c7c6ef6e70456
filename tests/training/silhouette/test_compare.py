from pathlib import Path

import pandas as pd
import pytest

from model.silhouette.network import HourglassConfig
from training.__main__ import main
from training.engine.comparison import Measured
from training.recipe import load_recipe
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import COMPARISON

COMMON = Path(__file__).parents[3] / "training" / "recipes" / "silhouette" / "comparison.toml"
RECIPE = """
device = "cpu"
[network]
num_stacks = {stacks}
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
num_workers = 0
[[stages]]
image_size = 32
steps = 2
batch_size = 2
"""


@pytest.fixture
def comparison(
    shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path
) -> list[str]:
    paths = [tmp_path / "plain.toml", tmp_path / "stacked.toml"]
    for path, stacks in zip(paths, (1, 2), strict=True):
        text = RECIPE.format(stacks=stacks, cache=tmp_path / "cache", keypoints=ccp_keypoints)
        path.write_text(text)
    options = ["--seeds", "3", "5", "--out", str(tmp_path / "out"), "--subjects", "2"]
    data = ["--data", str(shader_folder), "--ccp", str(ccp_folder)]
    return ["compare", "silhouette", "--recipe", *map(str, paths), *options, *data]


def test_a_comparison_trains_every_recipe_with_every_seed_and_measures_on_the_test_split(
    comparison: list[str],
    ccp_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(comparison) == 0
    out = tmp_path / "out"
    runs = pd.read_csv(out / "runs.csv")
    assert list(zip(runs.network, runs.seed, strict=True)) == [
        ("plain", 3),
        ("plain", 5),
        ("stacked", 3),
        ("stacked", 5),
    ]
    checkpoint = str(out / "stacked-5" / "silhouette.safetensors")
    command = ["evaluate", "silhouette", "--checkpoint", checkpoint, "--ccp", str(ccp_folder)]
    command += ["--data", "synthetic", "--subjects", "2", "--json", str(tmp_path / "alone.json")]
    assert main(command) == 0
    alone = pd.read_json(tmp_path / "alone.json", typ="series")
    assert runs.iou_body[3] == pytest.approx(alone.rendered["network"]["iou_body"])
    assert runs.auroc[3] == pytest.approx(alone.photos["auroc"])
    printed = capsys.readouterr().out
    table = (out / "comparison.md").read_text()
    assert table in printed
    mean, deviation = runs.mae[2:].mean(), runs.mae[2:].std()
    assert "| stacked | 2 steps of 2 at 32 px |" in table
    assert f" {mean:.3f} ± {deviation:.3f} |" in table
    assert "| dressed silhouette | - |" in table


def test_what_is_done_is_not_done_again_and_other_checkpoints_can_join(
    comparison: list[str], tmp_path: Path
) -> None:
    assert main(comparison) == 0
    files = [tmp_path / "out" / "plain-3" / "best.safetensors", tmp_path / "out" / "plain-3.json"]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    joined = tmp_path / "served.safetensors"
    joined.write_bytes((tmp_path / "out" / "stacked-3" / "silhouette.safetensors").read_bytes())
    assert main([*comparison, "--checkpoint", str(joined)]) == 0
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    served, same = runs[runs.network == "served"], runs[runs.network == "stacked"]
    assert served.iou_body.item() == same.iou_body.iloc[0]


def test_steps_can_be_chosen_and_a_folder_of_other_steps_is_refused(
    comparison: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*comparison, "--steps", "3"]) == 0
    judged = pd.read_csv(tmp_path / "out" / "plain-3" / "judged.csv")
    assert judged.step.tolist() == [2, 3]
    assert main(comparison) == 1
    assert "another stages" in capsys.readouterr().err


def test_the_comparisons_recipes_differ_in_the_network_alone() -> None:
    recipes = {
        name: load_recipe(COMMON, SilhouetteRecipe, values)
        for name, values in COMPARISON.variants.items()
    }
    assert set(recipes) == {
        "reference_hourglass",
        "efficientnet_lite_unet",
    }
    rest = {
        (r.stages, r.data, r.scenes, r.colours, r.optimisation, r.routine, r.objective, r.loss_mask)
        for r in recipes.values()
    }
    assert len(rest) == 1
    for recipe in recipes.values():
        assert recipe.objective == "squared_error"
        assert (recipe.weights, recipe.initial) == ("none", None)
    assert recipes["reference_hourglass"].network == HourglassConfig()
    assert recipes["reference_hourglass"].lite is None


def test_the_table_has_means_deviations_and_baselines() -> None:
    values = {key: [0.5, 0.6, 0.9] for key in COMPARISON.metrics}
    runs = pd.DataFrame({"network": "a", "seed": range(3), "trained": "long"} | values)
    found = Measured({}, {"parameters (M)": "1.00"}, {"iou_body": 0.25})
    lines = COMPARISON.table(runs, {"a": found}).splitlines()
    assert lines[2].startswith("| a | long | 0.667 ± 0.208 |")
    assert lines[2].endswith("| 1.00 |")
    assert lines[3] == "| dressed silhouette | - | 0.250 |" + " - |" * len(COMPARISON.metrics)
    alone = COMPARISON.table(runs[:1], {"a": found})
    assert "±" not in alone
    assert "| a | long | 0.500 |" in alone
