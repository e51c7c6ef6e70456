import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.reconstruction.network import LAYERS
from training.engine.comparison import Measured
from training.recipe import recipe_as_dict
from training.reconstruction.ablation import ABLATION, ERROR, SHOWN, conclusions, gain
from training.reconstruction.recipe import ReconstructionRecipe
from training.silhouette.report import LOOSENESS


def runs_of(**errors: list[float]) -> pd.DataFrame:
    """A run for each seed of each input; wide clothes have twice the error."""
    rows = []
    for name, values in errors.items():
        for seed, value in enumerate(values):
            row: dict[str, object] = {"network": name, "seed": seed, "trained": "9 steps"}
            for metric in SHOWN:
                row |= {metric: value, f"{metric}_error": 0.1}
            for group in LOOSENESS:
                factor = 2 if group == "wide" else 1
                row |= {f"{ERROR}_{group}": factor * value, f"{ERROR}_{group}_error": 0.2}
            rows.append(row)
    return pd.DataFrame(rows)


def test_a_sure_difference_is_told_and_where() -> None:
    runs = runs_of(photo=[8.8, 8.9, 8.7], weighted_photo=[8.5, 8.62, 8.38], body=[7.6, 7.7, 7.8])
    (told,) = conclusions(runs)
    assert told.startswith("Weighting the photo by the map helps (0.30 ± 0.01 mm PVE-T-SC)")
    assert "wide" in told


def test_a_difference_within_the_seeds_is_none() -> None:
    (told,) = conclusions(runs_of(photo=[8.8, 8.3, 8.9], weighted_photo=[8.5, 8.8, 8.6]))
    assert "makes no difference that these seeds can tell" in told


def test_harm_is_told_too() -> None:
    (told,) = conclusions(runs_of(photo=[8.0, 8.1], weighted_photo=[8.5, 8.61]))
    assert "does harm" in told


def test_one_seed_tells_nothing() -> None:
    (told,) = conclusions(runs_of(photo=[9.0], weighted_photo=[8.0]))
    assert "no difference that these seeds can tell (1.00 ± - mm" in told


def test_the_way_to_the_ceiling_is_told() -> None:
    told = conclusions(runs_of(photo=[9.0, 9.1], map=[8.5, 8.6], body=[8.0, 8.1]))
    assert told[-1].endswith("the map goes 50% of the way.")


def test_without_a_map_there_is_nothing_to_tell() -> None:
    assert conclusions(runs_of(photo=[9.0], body=[8.0])) == [
        "These inputs answer no question about the map."
    ]


def test_gains_are_paired_by_seed() -> None:
    runs = runs_of(photo=[9.0, 7.0, 8.0], map=[8.9, 6.8, 7.7])
    difference, error = gain(runs, "map", "photo", ERROR)
    assert difference == pytest.approx(0.2)
    assert error == pytest.approx(0.1 / np.sqrt(3))


def test_the_table_has_standard_errors_over_people_and_rows_by_looseness() -> None:
    runs = runs_of(photo=[8.8, 9.0], map=[8.5, 8.7])
    baseline = dict.fromkeys(ABLATION.metrics, 9.5)
    text = ABLATION.table(runs, {"photo": Measured({}, {}, baseline)})
    assert "| photo | 9 steps | 2 | 8.9 ± 0.1 |" in text
    assert "| mean body | - | - | 9.5 |" in text
    assert "| photo | 8.9 ± 0.2 | 8.9 ± 0.2 | 8.9 ± 0.2 | 17.8 ± 0.2 |" in text
    assert "The map in the place of the photo helps" in text or "no difference" in text


def test_every_input_is_trained_with_three_seeds() -> None:
    assert set(ABLATION.variants) == set(LAYERS)
    assert ABLATION.seeds == (0, 1, 2)


def test_inputs_are_trained_alike_measured_and_not_measured_twice(
    recipe: ReconstructionRecipe,
    test_people: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = []
    for inputs in ("map", "body"):
        network = {**recipe_as_dict(recipe)["network"], "inputs": inputs}
        lines = [
            "num_vertices = 40",
            "[network]",
            *(f"{key} = {_toml(value)}" for key, value in network.items()),
            "[data]",
            f"people = {list(recipe.data.people)}",
            f'body = "{recipe.data.body}"',
            "validation_fraction = 0.5",
            "[routine]\nnum_workers = 0",
            "[[stages]]\nimage_size = 32\nsteps = 2\nbatch_size = 2",
        ]
        path = tmp_path / f"{inputs}.toml"
        path.write_text("\n".join(lines))
        paths.append(path)
    parser = argparse.ArgumentParser()
    ABLATION.configure(parser)
    words = ["--recipe", *map(str, paths), "--seeds", "0", "--test", str(test_people)]
    given = parser.parse_args([*words, "--out", str(tmp_path / "out")])
    assert ABLATION.run(given) == 0
    first = capsys.readouterr()
    assert "| map | 2 steps of 2 at 32 px | 1 |" in first.out
    assert "| mean body |" in first.out
    assert ABLATION.run(given) == 0
    again = capsys.readouterr()
    assert first.out.endswith(again.out)
    assert again.out.startswith("Errors in mm")
    assert "measuring" not in again.err
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert np.isfinite(runs[[ERROR, "mpjpe", "waist"]]).all(axis=None)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
