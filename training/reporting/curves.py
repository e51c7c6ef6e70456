"""The curves of a run as a figure."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.errors import InvalidInputError
from training.arguments import output_file
from training.engine.atomic import replacing

LOSS = "loss"


def curves_figure(folder: Path) -> Figure:
    """Loss of training and of held-out data over the steps; beside it what else was judged.

    Args:
        folder: Of a run, with `learned.csv` and `judged.csv` in it.

    Raises:
        FileNotFoundError: One of the files is not there.
        InvalidInputError: One has no row, or cannot be read.
    """
    learned, judged = (_rows(folder / f"{kind}.csv") for kind in ("learned", "judged"))
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for rows, words in ((learned, "training"), (judged, "held-out")):
        if LOSS in rows:
            _draw(left, rows, LOSS, words)
    left.set_ylabel("loss")
    for name in judged.columns.drop(["step", LOSS], errors="ignore"):
        _draw(right, judged, str(name), str(name).replace("_", " "))
    right.set_ylabel("on held-out data")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, column: str, words: str) -> None:
    # A few points would be a line that nobody sees.
    axes.plot(rows["step"], rows[column], label=words, marker="." if len(rows) < 40 else None)


def _rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as a table: {error}") from error
    if rows.empty or "step" not in rows:
        raise InvalidInputError(f"{path} holds no row with a step")
    return rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures run`."""
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a run's folder")
    parser.add_argument("--out", type=output_file, required=True, metavar="PNG", help="the figure")


def run(args: argparse.Namespace) -> int:
    """Draw the curves."""
    figure = curves_figure(args.run)
    with replacing(args.out) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    sys.stdout.write(f"wrote {args.out}\n")
    return 0
