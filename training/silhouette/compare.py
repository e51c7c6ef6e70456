"""Trains several networks alike and puts their numbers side by side.

Every recipe is trained once for each seed, and judged on held-out subjects and photos as `fit`
judges. The weights are those with the best score of the run, chosen by the same held-out data; that
favours nobody. The command can be interrupted and called again: what is done is not done twice.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from training.arguments import at_least, device, output_folder
from training.comparison import competitors, named, train_alike
from training.datasets.ccp import ClothingCoParsing
from training.engine.atomic import write_text
from training.recipe import load_recipe
from training.reporting.cost import giga_flops
from training.reporting.spread import spread_text, summarise
from training.silhouette.fit import train, with_data
from training.silhouette.networks import build_network
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.separation import separation

RECIPES = Path(__file__).parents[1] / "recipes" / "comparison"
JUDGED = ("overlap", "cloth_error", "mean_error", "skin", "background")
"""What the run itself measured, when its weights were chosen."""
METRICS = (*JUDGED, "auroc")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare silhouette`."""
    parser.add_argument(
        "recipes",
        nargs="*",
        type=Path,
        help="TOML files; the networks of training/recipes/comparison when left out",
    )
    parser.add_argument("--seeds", type=at_least(0), nargs="+", default=[0, 1, 2], help="(0 1 2)")
    parser.add_argument(
        "--out", type=output_folder, default="runs/comparison", help="(%(default)s)"
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="DIR",
        help="folders of rendered pairs in the SHADER layout, or the word `synthetic`",
    )
    parser.add_argument("--ccp", metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, then write the table; 128 plus the signal when interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    paths = named(args.recipes or sorted(RECIPES.glob("*.toml")))
    recipes = {
        name: with_data(load_recipe(path, SilhouetteRecipe), args) for name, path in paths.items()
    }
    chosen = competitors(recipes, args.seeds, args.out)
    if (status := train_alike(chosen, train)) is not None:
        return status
    rows = []
    for one in chosen:
        best = one.folder.load_best()
        judged = {metric: best["metrics"][metric] for metric in JUDGED}
        auroc = _auroc(one.recipe, best)
        rows.append({"network": one.name, "seed": one.seed, **judged, "auroc": auroc})
    costs = {name: _cost(recipe) for name, recipe in recipes.items()}
    report = summarise(pd.DataFrame(rows), costs, METRICS)
    write_text(args.out / "runs.csv", pd.DataFrame(rows).to_csv(index=False))
    write_text(args.out / "comparison.json", json.dumps(report, indent=2) + "\n")
    table = markdown(report)
    write_text(args.out / "comparison.md", table)
    sys.stdout.write(table)
    return 0


def markdown(report: dict[str, Any]) -> str:
    """The table, a row a network."""
    lines = [
        "| network | parameters (M) | GFLOP at 256 px | overlap (IoU) | error, cloth pixels "
        "| error, whole picture | skin | background | AUROC |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in report.items():
        cells = [name, f"{row['parameters'] / 1e6:.2f}", f"{row['giga_flops']:.2f}"]
        cells += [spread_text(row[metric]) for metric in METRICS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _auroc(recipe: SilhouetteRecipe, best: dict[str, Any]) -> float:
    """Of the best weights on the held-out photos; NaN without photos."""
    if recipe.data.photos is None:
        return float("nan")
    network = build_network(recipe).eval()
    network.load_state_dict(best["task"]["average"])
    photos = ClothingCoParsing.open(Path(recipe.data.photos))
    return separation(network, photos, recipe.stages[-1].image_size)


def _cost(recipe: SilhouetteRecipe) -> dict[str, float]:
    network = build_network(recipe)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "giga_flops": giga_flops(network),
    }
