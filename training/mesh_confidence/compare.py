"""Trains the reference's two classifiers and our ensemble with several seeds, in one table.

    OUT/<network>-<seed>/        a run's folder, with its checkpoint
    OUT/runs.csv, comparison.md  a row for each run and file; the table

The weights of a run are those with its best score on one sequence in five of the training files;
numbers are of the test files. What is trained is not trained again: an interrupted command goes on
when it is called again.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from model.mesh_confidence.predictor import load_network
from training.arguments import at_least, device, output_folder
from training.engine.atomic import write_text
from training.engine.comparison_runs import competitors, train_alike, within_budget
from training.mesh_confidence.metrics import NETWORK
from training.mesh_confidence.report import JUDGES, METRICS, measure
from training.mesh_confidence.task import FITTING, RECIPES
from training.recipe import load_recipe
from training.reporting.tables import markdown, with_error

NAMES = ("mesh_classifier", "worst_joint_classifier", "ensemble")
"""Recipes that are trained when none is named."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare mesh_confidence`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add(
        "--recipe",
        type=Path,
        nargs="+",
        default=[RECIPES / f"{name}.toml" for name in NAMES],
        metavar="TOML",
        help=f"what to train ({', '.join(NAMES)} of training/recipes/mesh_confidence)",
    )
    add("--seeds", type=at_least(0), nargs="+", default=(0, 1, 2), metavar="N", help="(0 1 2)")
    add("--steps", type=at_least(1), metavar="N", help="steps of each run (the recipes' own)")
    add(
        "--minutes",
        type=at_least(1),
        metavar="N",
        help="processor minutes after which each run ends (the recipes' own)",
    )
    add(
        "--out",
        type=output_folder,
        default="runs/comparison-mesh_confidence",
        metavar="DIR",
        help="(%(default)s)",
    )
    add("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")
    FITTING.configure_data(parser)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, measure, write the table; 128 plus a signal if interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    recipes = {}
    for path in args.recipe:
        recipe = load_recipe(path, FITTING.kind)
        recipes[path.stem] = within_budget(FITTING.with_options(recipe, args), args)
    args.out = Path(args.out)
    chosen = competitors(recipes, args.seeds, args.out)
    if (status := train_alike(chosen, FITTING.train)) is not None:
        return status
    rows: list[dict[str, Any]] = []
    for one in chosen:
        path = one.folder.path / f"{FITTING.slug}.safetensors"
        FITTING.export(one.folder, path, None)
        network, _ = load_network(path)
        folders = [Path(folder) for folder in one.recipe.data.errors]
        for name, entry in measure(network, folders, "test", held_out=False).items():
            for judge in JUDGES:
                if judge in entry:
                    trained = {"judge": one.name if judge == NETWORK else judge, "seed": one.seed}
                    rows.append({"data": name} | trained | entry[judge])
    runs = pd.DataFrame(rows)
    write_text(args.out / "runs.csv", runs.to_csv(index=False, float_format="%.5f"))
    text = table(runs) + "\n"
    write_text(args.out / "comparison.md", text)
    sys.stdout.write(text)
    return 0


def table(runs: pd.DataFrame) -> str:
    """A row for each judge on each file: means and sample deviations over the seeds.

    Args:
        runs: Columns `data`, `judge`, `seed` and the metrics.
    """
    rows = []
    metrics = [name for name in METRICS if name in runs]
    for (data, judge), group in runs.groupby(["data", "judge"], sort=False):
        learned = group.seed.nunique() > 1 and judge not in JUDGES
        cells = [
            with_error(group[name].mean(), group[name].std() if learned else None)
            for name in metrics
        ]
        rows.append([str(data), str(judge), *cells])
    return markdown(["data", "judge", *(METRICS[name] for name in metrics)], rows)
