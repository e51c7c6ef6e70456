"""Trains several recipes alike, each with several seeds, and puts their numbers side by side.

    OUT/<network>-<seed>/        a run's folder, with its checkpoint
    OUT/<network>-<seed>.json    its numbers
    OUT/runs.csv, comparison.md             a row for each run; the table

The weights of a run are those with its best score on the validation split; numbers are of the test
split. What is done is not done twice: an interrupted command goes on when it is called again.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple

import pandas as pd

from model.checkpoint import load_header
from model.errors import InvalidInputError
from training.arguments import at_least, device, output_folder
from training.engine.atomic import write_text
from training.engine.comparison_runs import competitors, train_alike, trained_text, within_budget
from training.engine.experiment import Recipe
from training.engine.fitting import Fitting
from training.engine.precision import pick_device
from training.recipe import load_recipe
from training.reporting.cost import network_cost
from training.reporting.evaluation import Evaluation
from training.reporting.tables import markdown, with_error


class Measured(NamedTuple):
    """What there is to say of a checkpoint."""

    metrics: dict[str, float]
    """By the names of `Comparison.metrics`."""
    cost: dict[str, str]
    """Columns of the table by their heads; the same for every seed."""
    baseline: dict[str, float]
    """Metrics of what needs no network; NaN where it has none."""


@dataclass(frozen=True)
class Comparison(Generic[Recipe]):
    """What differs between capabilities."""

    fitting: Fitting[Recipe]
    evaluation: Evaluation
    variants: Mapping[str, Sequence[str]]
    """Networks by name: `key=value` overrides of the recipe `comparison.toml`."""
    seeds: tuple[int, ...]
    """When none is named."""
    metrics: Mapping[str, tuple[str, str]]
    """By name: the place in the report, keys joined by dots, and the head of the table's column."""
    baseline: str
    """Replaces `network` in the places of the baseline's metrics."""
    configure_measuring: Callable[[argparse.ArgumentParser], None] = lambda parser: None  # noqa: ARG005
    """Options of what networks are measured on."""
    measured_on: Mapping[str, Any] = field(default_factory=dict)
    """Options of `evaluate` that `compare` does not have."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options that all comparisons have."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = __doc__
        parser.add_argument(
            "--recipe",
            type=Path,
            nargs="+",
            default=[],
            metavar="TOML",
            help=f"what to train (the networks {', '.join(self.variants)}, by "
            f"training/recipes/{self.fitting.slug}/comparison.toml)",
        )
        seeds = " ".join(map(str, self.seeds))
        parser.add_argument(
            "--seeds",
            type=at_least(0),
            nargs="+",
            default=self.seeds,
            metavar="N",
            help=f"({seeds})",
        )
        parser.add_argument(
            "--steps", type=at_least(1), metavar="N", help="steps of each run (the recipes' own)"
        )
        parser.add_argument(
            "--minutes",
            type=at_least(1),
            metavar="N",
            help="processor minutes of learning after which each run ends (the recipes' own)",
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help="checkpoints that were trained otherwise, to measure too",
        )
        parser.add_argument(
            "--out",
            type=output_folder,
            default=f"runs/comparison-{self.fitting.slug}",
            help="(%(default)s)",
        )
        parser.add_argument("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")
        parser.add_argument(
            "--limit", type=at_least(1), metavar="N", help="measure on so many pictures at most"
        )
        self.fitting.configure_data(parser)
        self.configure_measuring(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Train what is not trained yet, measure, write the table.

        Returns:
            0, or 128 plus the signal when interrupted.
        """
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        named = _by_name([*args.recipe, *args.checkpoint])
        recipes = {name: self._recipe(p, (), args) for name, p in named.items() if p in args.recipe}
        if not args.recipe:
            base = self.fitting.default.with_name("comparison.toml")
            recipes = {name: self._recipe(base, o, args) for name, o in self.variants.items()}
        chosen = competitors(recipes, args.seeds, args.out)
        if (status := train_alike(chosen, self.fitting.train)) is not None:
            return status
        rows: list[dict[str, Any]] = []
        found: dict[str, Measured] = {}
        for one in chosen:
            path = one.folder.path / f"{self.fitting.slug}.safetensors"
            self.fitting.export(one.folder, path, None)
            row = {"network": one.name, "seed": one.seed, "trained": trained_text(one)}
            found[one.name] = self._measured(path, f"{one.name}-{one.seed}", args)
            rows.append(row | found[one.name].metrics)
        for path in args.checkpoint:
            found[path.stem] = self._measured(path, path.stem, args)
            rows.append({"network": path.stem, "trained": "-"} | found[path.stem].metrics)
        runs = pd.DataFrame(rows)
        write_text(args.out / "runs.csv", runs.to_csv(index=False))
        text = self.table(runs, found) + "\n"
        write_text(args.out / "comparison.md", text)
        sys.stdout.write(text)
        return 0

    def table(self, runs: pd.DataFrame, found: Mapping[str, Measured]) -> str:
        """A row a network, means and sample deviations over the seeds; then the baselines.

        Args:
            runs: Columns `network`, `trained` and the metrics.
            found: One of the runs of each network, for costs and baselines.
        """
        heads = [head for _, head in self.metrics.values()]
        first = next(iter(found.values()))
        rows = []
        for name, group in runs.groupby("network", sort=False):
            cells = [
                with_error(group[metric].mean(), group[metric].std() if len(group) > 1 else None)
                for metric in self.metrics
            ]
            cost = found[str(name)].cost.values()
            rows.append([str(name), group.trained.iloc[0], *cells, *cost])
        cells = [with_error(first.baseline.get(metric), None) for metric in self.metrics]
        rows.append([self.baseline, "-", *cells, *("-" for _ in first.cost)])
        return markdown(["network", "trained", *heads, *first.cost], rows)

    def _recipe(self, path: Path, overrides: Sequence[str], args: argparse.Namespace) -> Recipe:
        recipe = load_recipe(path, self.fitting.kind, overrides)
        return within_budget(self.fitting.with_options(recipe, args), args)

    def _measured(self, path: Path, name: str, args: argparse.Namespace) -> Measured:
        """From the file of an earlier call where the same weights were measured alike."""
        cache = args.out / f"{name}.json"
        measuring = {key: str(value) for key, value in vars(args).items() if key not in _TRAINING}
        stamp = {"sha256": load_header(path).sha256, "measured": measuring}
        if cache.exists() and (kept := json.loads(cache.read_text()))["stamp"] == stamp:
            return Measured(**kept["found"])
        sys.stderr.write(f"measuring {path}\n")
        found = self._measure(path, args)
        content = {"stamp": stamp, "found": found._asdict()}
        write_text(cache, json.dumps(content, indent=2) + "\n")
        return found

    def _measure(self, path: Path, args: argparse.Namespace) -> Measured:
        predictor = self.evaluation.load(path, pick_device(args.device or "auto"))
        options = argparse.Namespace(**vars(args) | {"split": "test"} | dict(self.measured_on))
        sets = self.evaluation.sample_sets(options, predictor)
        report = self.evaluation.report(self.evaluation.measure(predictor, sets, limit=args.limit))
        cost = network_cost(predictor)
        return Measured(
            metrics={name: _number(report, place) for name, (place, _) in self.metrics.items()},
            cost={
                "parameters (M)": f"{cost['parameters'] / 1e6:.2f}",
                f"GFLOP at {cost['input_size']} px": f"{cost['giga_flops']:.2f}",
            },
            baseline={
                name: _number(report, place.replace("network", self.baseline))
                for name, (place, _) in self.metrics.items()
                if "network" in place
            },
        )


def _number(report: Mapping[str, Any], place: str) -> float:
    """NaN where the report has no such number."""
    found: Any = report
    for key in place.split("."):
        found = found.get(key, {})
    return float(found) if isinstance(found, int | float) else float("nan")


_TRAINING = {
    *("command", "what", "recipe", "seeds", "steps", "minutes", "checkpoint", "out", "device")
}
"""Arguments that do not change how a checkpoint is measured."""


def _by_name(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by their names without the ending.

    Raises:
        InvalidInputError: Two have the same name.
    """
    if len({path.stem for path in paths}) < len(paths):
        raise InvalidInputError(
            "two recipes have the same file name; the table could not tell them"
        )
    return {path.stem: path for path in paths}
