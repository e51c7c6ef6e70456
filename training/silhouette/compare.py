"""Trains several networks alike and puts their numbers side by side.

Every recipe is trained once for each seed, and judged on held-out subjects and photos as `fit`
judges. The weights are those with the best score of the run, chosen by the same held-out data; that
favours nobody. The command can be interrupted and called again: what is done is not done twice.
"""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from model.errors import InvalidInputError
from training.engine.atomic import write_text
from training.engine.batches import num_steps
from training.engine.run import RunFolder
from training.engine.standing import Standing
from training.recipe import load_recipe, parse_recipe, recipe_as_dict
from training.silhouette.fit import train, with_data
from training.silhouette.networks import build_network, giga_flops
from training.silhouette.recipe import SilhouetteRecipe

RECIPES = Path(__file__).parents[1] / "recipes" / "comparison"
METRICS = ("overlap", "cloth_error", "mean_error", "skin", "background")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare silhouette`."""
    parser.add_argument(
        "recipes",
        nargs="*",
        type=Path,
        help="TOML files; the networks of training/recipes/comparison when left out",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(0 1 2)")
    parser.add_argument("--out", type=Path, default=Path("runs/comparison"), help="(%(default)s)")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`",
    )
    parser.add_argument("--ccp", metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1 ...")


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, then write the table; 128 plus the signal when interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    paths: Sequence[Path] = args.recipes or sorted(RECIPES.glob("*.toml"))
    if len({path.stem for path in paths}) < len(paths):
        raise InvalidInputError(
            "two recipes have the same file name; the table could not tell them"
        )
    rows = []
    for path in paths:
        for seed in args.seeds:
            recipe = with_data(load_recipe(path, SilhouetteRecipe), args)
            recipe = dataclasses.replace(recipe, seed=seed)
            folder = _folder(args.out / f"{path.stem}-{seed}", recipe)
            if not _is_finished(folder, recipe):
                sys.stderr.write(f"{path.stem}, seed {seed}\n")
                outcome = train(recipe, folder)
                if not outcome.finished:
                    sys.stdout.write("stopped; the same command continues\n")
                    return 0 if outcome.signal is None else 128 + outcome.signal
            metrics = folder.load_best()["metrics"]
            rows.append({"network": path.stem, "seed": seed} | {m: metrics[m] for m in METRICS})
    costs = {path.stem: _cost(load_recipe(path, SilhouetteRecipe)) for path in paths}
    report = summarise(pd.DataFrame(rows), costs)
    write_text(args.out / "runs.csv", pd.DataFrame(rows).to_csv(index=False))
    write_text(args.out / "comparison.json", json.dumps(report, indent=2) + "\n")
    table = markdown(report)
    write_text(args.out / "comparison.md", table)
    sys.stdout.write(table)
    return 0


def summarise(runs: pd.DataFrame, costs: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds, by network.

    Args:
        runs: Columns `network`, `seed` and the metrics.
        costs: By network.

    Returns:
        By network: its cost, `seeds`, and for each metric `mean` and `std`. The deviation is the
        sample's, over n - 1, and None for a single seed.
    """
    report: dict[str, Any] = {}
    for name, group in runs.groupby("network", sort=False):
        metrics = {
            metric: {
                "mean": float(group[metric].mean()),
                "std": float(group[metric].std()) if len(group) > 1 else None,
            }
            for metric in METRICS
        }
        report[str(name)] = costs[str(name)] | {"seeds": len(group)} | metrics
    return report


def markdown(report: dict[str, Any]) -> str:
    """The table, a row a network."""
    lines = [
        "| network | parameters (M) | GFLOP at 256 px | overlap (IoU) | error, cloth pixels "
        "| error, whole picture | skin | background |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in report.items():
        cells = [name, f"{row['parameters'] / 1e6:.2f}", f"{row['giga_flops']:.2f}"]
        cells += [_spread(row[metric]) for metric in METRICS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _spread(metric: dict[str, Any]) -> str:
    if metric["std"] is None:
        return f"{metric['mean']:.3f}"
    return f"{metric['mean']:.3f} ± {metric['std']:.3f}"


def _cost(recipe: SilhouetteRecipe) -> dict[str, float]:
    network = build_network(recipe)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "giga_flops": giga_flops(network),
    }


def _folder(path: Path, recipe: SilhouetteRecipe) -> RunFolder:
    """A new run, or the one that was begun there with the same recipe."""
    wanted = recipe_as_dict(recipe)
    folder = RunFolder(path)
    if not any(file.exists() for file in (folder.last, folder.previous)):
        return RunFolder.create(path, wanted)
    stored = recipe_as_dict(
        parse_recipe(folder.describe()["recipe"], SilhouetteRecipe, str(folder.description))
    )
    if differing := sorted(key for key in wanted if stored[key] != wanted[key]):
        raise InvalidInputError(
            f"{path} was trained with another {', '.join(differing)}; choose another --out"
        )
    return folder


def _is_finished(folder: RunFolder, recipe: SilhouetteRecipe) -> bool:
    state = folder.load_last()
    if state is None:
        return False
    return Standing.from_state(state).is_over(num_steps(recipe.stages), recipe.routine.patience)
