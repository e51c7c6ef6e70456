"""`python -m training compare pose_depth`: the reference's recipe beside the improved one.

    OUT/<network>-<seed>/        a run's folder, with its checkpoint
    OUT/runs.csv, comparison.md  a row for each run; the table

All learn from the same sequences in the same steps. The weights of a run are those with its best
score on the validation split; numbers are of the test split. What is done is not done twice: an
interrupted command goes on when it is called again.
"""

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from model.pose_depth.predictor import DepthRefiner
from training.arguments import at_least, output_folder
from training.engine.atomic import write_text
from training.engine.comparison_runs import competitors, train_alike, trained_text, within_budget
from training.engine.precision import pick_device
from training.pose_depth.evaluate import add_data, measure, report_of
from training.pose_depth.report import SCORES, SETS, headline
from training.pose_depth.scoring import BEFORE
from training.pose_depth.task import FITTING
from training.recipe import load_recipe
from training.reporting.tables import markdown, with_error

RECIPES = Path(__file__).parents[1] / "recipes" / "pose_depth"
NETWORKS = ("reference", "improved")
"""Recipes of the table, by the stems of their files."""
_COLUMNS = {
    **{name: (head, digits) for name, (head, digits) in SCORES.items()},
    "single_depth": ("depth of single frames, m", 3),
    "azimuth_deg": ("azimuth, degrees", 1),
    "elevation_deg": ("elevation, degrees", 1),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument(
        "--recipe",
        type=Path,
        nargs="+",
        default=[RECIPES / f"{name}.toml" for name in NETWORKS],
        metavar="TOML",
        help=f"what to train ({', '.join(NETWORKS)} of training/recipes/pose_depth)",
    )
    parser.add_argument(
        "--seeds", type=at_least(0), nargs="+", default=[0, 1, 2], metavar="N", help="(0 1 2)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), metavar="N", help="steps of each run (the recipes' own)"
    )
    parser.add_argument(
        "--out", type=output_folder, default="runs/comparison-pose_depth", help="(%(default)s)"
    )
    parser.add_argument("--library", metavar="FILE", help="file of `data pose-library`")
    add_data(parser)
    parser.set_defaults(minutes=None)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, measure, write the table.

    Returns:
        0, or 128 plus the signal when interrupted.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    recipes = {
        path.stem: within_budget(FITTING.with_data(load_recipe(path, FITTING.kind), args), args)
        for path in args.recipe
    }
    chosen = competitors(recipes, args.seeds, Path(args.out))
    if (status := train_alike(chosen, FITTING.train)) is not None:
        return status
    rows: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for one in chosen:
        checkpoint = one.folder.path / "pose_depth.safetensors"
        FITTING.export(one.folder, checkpoint)
        refiner = DepthRefiner.from_checkpoint(checkpoint, pick_device("auto"))
        found = report_of(measure(refiner, args))
        parameters = sum(p.numel() for p in refiner.network.parameters())
        row = {
            "network": one.name,
            "seed": one.seed,
            "parameters": parameters,
            "trained": trained_text(one),
        }
        rows += [row | {"set": kind} | headline(found, kind) for kind in found]
    runs = pd.DataFrame(rows)
    write_text(Path(args.out) / "runs.csv", runs.to_csv(index=False))
    text = table_text(runs, found)
    write_text(Path(args.out) / "comparison.md", text)
    sys.stdout.write(text)
    return 0


def table_text(runs: pd.DataFrame, report: Mapping[str, Any]) -> str:
    """A table for each kind of data: MediaPipe, then means and sample deviations over the seeds.

    Args:
        runs: Columns `network`, `trained`, `parameters`, `set` and those of the table.
        report: Of any run, for MediaPipe's numbers.
    """
    parts = []
    for kind, words in SETS.items():
        if kind not in report:
            continue
        before = report[kind]["scores"][BEFORE]
        cells = [
            with_error(before[name]["mean"] if name in before else None, None, digits)
            for name, (_, digits) in _COLUMNS.items()
        ]
        rows = [[BEFORE, "-", "-", *cells]]
        for name, group in runs[runs["set"] == kind].groupby("network", sort=False):
            cells = [
                with_error(
                    group[column].mean(), group[column].std() if len(group) > 1 else None, digits
                )
                for column, (_, digits) in _COLUMNS.items()
            ]
            size = f"{group.parameters.iloc[0] / 1e6:.2f} M"
            rows.append([str(name), str(group.trained.iloc[0]), size, *cells])
        head = ["network", "trained", "parameters", *(head for head, _ in _COLUMNS.values())]
        parts.append(f"Frames of sequences: {words}.\n\n{markdown(head, rows)}\n")
    return "\n".join(parts)
