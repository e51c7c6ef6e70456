import json
from pathlib import Path

import pandas as pd
import pytest

from training.__main__ import main
from training.clothing.recipe import ClothingRecipe
from training.clothing.task import COMPARISON
from training.recipe import load_recipe

COMMON = Path(__file__).parents[3] / "training" / "recipes" / "clothing" / "comparison.toml"
RECIPE = """
device = "cpu"
[network]
network = "unet"
widths = [{widths}]
[data]
photo_side = 64
cache = "{cache}"
[optimisation]
precision = "fp32"
[routine]
judge_every = 2
save_every = 1
num_workers = 0
[[stages]]
image_size = 48
steps = 2
batch_size = 2
"""


@pytest.fixture
def comparison(clothing_folder: Path, tmp_path: Path) -> list[str]:
    paths = [tmp_path / "thin.toml", tmp_path / "wide.toml"]
    for path, widths in zip(paths, ("2, 4", "4, 8"), strict=True):
        path.write_text(RECIPE.format(widths=widths, cache=tmp_path / "clothing-cache"))
    options = ["--ccp", str(clothing_folder), "--limit", "2", "--out", str(tmp_path / "out")]
    return ["compare", "clothing", "--recipe", *map(str, paths), *options]


def test_a_comparison_trains_measures_and_writes_a_table(
    comparison: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(comparison) == 0
    out = tmp_path / "out"
    runs = pd.read_csv(out / "runs.csv")
    assert runs.network.tolist() == ["thin", "wide"]
    for name in ("thin", "wide"):
        # What `evaluate clothing` says of the same checkpoint.
        checkpoint = str(out / f"{name}-0" / "clothing.safetensors")
        alone = tmp_path / name
        command = [
            "evaluate",
            "clothing",
            "--checkpoint",
            checkpoint,
            *comparison[5:9],
            "--out",
            str(alone),
        ]
        assert main(command) == 0
        found = json.loads((alone / "report.json").read_text())
        row = runs[runs.network == name].iloc[0]
        assert row.pixel_accuracy == pytest.approx(found["fine"]["network"]["pixel_accuracy"])
        assert row.grouped_mean_iou == pytest.approx(found["grouped"]["network"]["mean_iou"])
    table = (out / "comparison.md").read_text()
    assert "| thin | 2 steps of 2 at 48 px |" in table
    null = found["fine"]["all null"]["pixel_accuracy"]
    assert f"| all null | - | {null:.3f} | 0.000 |" in table
    assert table in capsys.readouterr().out


def test_every_network_ends_after_the_same_processor_time(
    comparison: list[str], tmp_path: Path
) -> None:
    for name in ("thin", "wide"):
        path = tmp_path / f"{name}.toml"
        text = path.read_text().replace("steps = 2", "steps = 100000")
        path.write_text(text.replace("[routine]", "[routine]\nprocessor_minutes = 0.002"))
    assert main(comparison) == 0
    for name in ("thin", "wide"):
        judged = pd.read_csv(tmp_path / "out" / f"{name}-0" / "judged.csv")
        assert 1 <= judged.step.iloc[-1] < 1000
    before = (tmp_path / "out" / "thin-0" / "last.safetensors").stat().st_mtime_ns
    assert main(comparison) == 0
    assert (tmp_path / "out" / "thin-0" / "last.safetensors").stat().st_mtime_ns == before


def test_the_comparisons_recipes_differ_in_the_network_alone() -> None:
    recipes = {
        name: load_recipe(COMMON, ClothingRecipe, values)
        for name, values in COMPARISON.variants.items()
    }
    assert set(recipes) == {
        "unet", "deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large",
        "fcn_resnet101", "efficientnet_lite_unet",
    }  # fmt: skip
    for name, recipe in recipes.items():
        assert recipe.network.network == name
    rest = {
        (r.stages, r.data, r.augmentation, r.optimisation, r.routine, r.loss, r.weights)
        for r in recipes.values()
    }
    assert len(rest) == 1
    (loss,) = {recipe.loss for recipe in recipes.values()}
    assert loss.class_power == loss.smoothing == loss.overlap == loss.group_overlap == 0
