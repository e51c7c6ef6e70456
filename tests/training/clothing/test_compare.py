import json
from pathlib import Path

import pandas as pd
import pytest

from training.__main__ import main
from training.clothing.compare import METRICS, PUBLISHED, RECIPES, table
from training.clothing.recipe import ClothingRecipe
from training.recipe import load_recipe

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
    options = ["--data", str(clothing_folder), "--limit", "2", "--out", str(tmp_path / "out")]
    return ["compare", "clothing", *map(str, paths), *options]


def test_a_comparison_trains_measures_and_writes_a_table(
    comparison: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(comparison) == 0
    out = tmp_path / "out"
    runs = pd.read_csv(out / "runs.csv")
    assert runs.network.tolist() == ["thin", "wide"]
    report = json.loads((out / "comparison.json").read_text())
    assert report["wide"]["parameters"] > report["thin"]["parameters"]
    for name in report:
        # What `evaluate clothing` says of the same checkpoint.
        checkpoint = str(out / f"{name}-0" / "clothing.safetensors")
        alone = tmp_path / name
        command = ["evaluate", "clothing", checkpoint, *comparison[4:8], "--out", str(alone)]
        assert main(command) == 0
        found = json.loads((alone / "report.json").read_text())
        row = runs[runs.network == name].iloc[0]
        assert row.pixel_accuracy == pytest.approx(found["fine"]["network"]["pixel_accuracy"])
        assert row.grouped_mean_iou == pytest.approx(found["grouped"]["network"]["mean_iou"])
    printed = capsys.readouterr().out
    assert "| thin | 2 x 2 at 48 px |" in printed
    assert "Recipe and split differ" in printed
    assert (out / "comparison.md").read_text() in printed


def test_what_is_done_is_not_done_again_and_other_checkpoints_can_join(
    comparison: list[str], tmp_path: Path
) -> None:
    assert main(comparison) == 0
    files = [tmp_path / "out" / "thin-0" / "best.safetensors", tmp_path / "out" / "thin-0.json"]
    before = [file.stat().st_mtime_ns for file in files]
    joined = tmp_path / "served.safetensors"
    (tmp_path / "out" / "wide-0" / "clothing.safetensors").rename(joined)
    assert main([*comparison, "--also", str(joined)]) == 0
    assert [file.stat().st_mtime_ns for file in files] == before
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert list(report) == ["thin", "wide", "served"]
    assert report["served"]["budget"] == "checkpoint"
    assert all(report["served"][metric] == report["wide"][metric] for metric in METRICS)


def test_the_comparisons_recipes_differ_in_the_network_alone() -> None:
    recipes = {path.stem: load_recipe(path, ClothingRecipe) for path in RECIPES.glob("*.toml")}
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
    assert set(PUBLISHED) < set(recipes)


def test_published_accuracies_stand_beside_their_networks_alone() -> None:
    row = {
        **{metric: {"mean": 0.5, "std": None} for metric in METRICS},
        "budget": "1 x 1 at 32 px",
        "parameters": 2_000_000,
        "giga_macs": 1.5,
        "input_size": 32,
        "ms_one_thread": None,
        "ms_all_threads": 7.2,
        "photos": 9,
        "all_null": 0.75,
    }
    text = table({"a": row | {"published": 0.845}, "b": row | {"published": None}})
    lines = text.splitlines()
    assert lines[2] == (
        "| a | 1 x 1 at 32 px | 0.500 | 0.500 | 0.500 | 0.500 | 2.00 | 1.50 | 32 px | 7 | 0.845 |"
    )
    assert lines[3].endswith("| 7 | - |")
    assert "9 photos" in text
    assert "0.750" in text
