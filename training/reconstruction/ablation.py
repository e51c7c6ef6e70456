"""`compare reconstruction`: the same network on different inputs. Does the confidence map help?

Inputs: the plain photo; the photo weighted by the map; the map; photo and map; the true silhouette
of the dressed person; the true silhouette of the body with the true keypoints, which is the
ceiling. All but the last have the keypoints that the silhouette network found.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from model.reconstruction.network import LAYERS
from training.engine.comparison import Comparison, Measured
from training.reconstruction.baselines import MEAN
from training.reconstruction.estimating import Estimator
from training.reconstruction.evaluate import EVALUATION, rendered_people
from training.reconstruction.people_report import ALONE, ERRORS
from training.reconstruction.people_scores import Looks
from training.reconstruction.recipe import ReconstructionRecipe
from training.reconstruction.task import FITTING
from training.reporting.scoring import SampleSet
from training.reporting.tables import markdown, number, with_error
from training.silhouette.report import LOOSENESS

SHOWN = ("pve_t_sc", "pve_t", "pve", "mpjpe", "pa_mpjpe", "bust", "waist", "hip")
"""Errors that have a column."""
ERROR, DEVIATION = "pve_t_sc", 2.0
"""What the conclusion is about, and so many standard errors a difference must have to be told."""
QUESTIONS = (
    ("weighted_photo", "photo", "weighting the photo by the map"),
    ("photo_and_map", "photo", "the map beside the photo"),
    ("map", "photo", "the map in the place of the photo"),
    ("map", "dressed", "the map in the place of the true dressed silhouette"),
)
"""An input, what it is held against, and what makes the difference."""


def _place(error: str, kind: str = "mean") -> str:
    return f"people.{ALONE}.{kind}.{error}"


def _bin_place(name: str, kind: str = "mean") -> str:
    return f"by_looseness.{name}.scores.{ALONE}.{kind}.{ERROR}"


@dataclass(frozen=True)
class Ablation(Comparison[ReconstructionRecipe]):
    """A comparison with standard errors over people, rows by looseness, and a conclusion."""

    def table(self, runs: pd.DataFrame, found: Mapping[str, Measured]) -> str:
        """Means over the seeds, with the standard errors over people; then what follows.

        Args:
            runs: Columns `network`, `trained` and the metrics.
            found: One of the runs of each network.
        """
        first = next(iter(found.values()))
        means = {str(name): group for name, group in runs.groupby("network", sort=False)}
        rows = [
            [name, group.trained.iloc[0], str(len(group)), *(_cell(group, e) for e in SHOWN)]
            for name, group in means.items()
        ]
        rows.append([self.baseline, "-", "-", *(number(first.baseline[e], 1) for e in SHOWN)])
        heads = ["input", "trained", "seeds", *(ERRORS[error] for error in SHOWN)]
        bins = [
            [name, *(_cell(group, f"{ERROR}_{one}") for one in LOOSENESS)]
            for name, group in means.items()
        ]
        parts = [
            "Errors in mm: means over the seeds \u00b1 standard errors over people.",
            markdown(heads, rows),
            f"{ERRORS[ERROR]} in mm by looseness of the clothes:",
            markdown(["input", *LOOSENESS], bins),
            " ".join(conclusions(runs)),
        ]
        return "\n\n".join(parts)


def _cell(group: pd.DataFrame, metric: str) -> str:
    return with_error(group[metric].mean(), group[f"{metric}_error"].mean(), 1)


def conclusions(runs: pd.DataFrame) -> list[str]:
    """What the numbers of the runs say, in sentences.

    A difference counts where it is larger than twice its standard error over the seeds.

    Args:
        runs: Columns `network`, and `ERROR` over all and for each bin of looseness.
    """
    told = [
        _answer(runs, *question)
        for question in QUESTIONS
        if {question[0], question[1]} <= set(runs.network)
    ]
    if {"photo", "map", "body"} <= set(runs.network):
        photo, own, ceiling = (
            float(runs[runs.network == name][ERROR].mean()) for name in ("photo", "map", "body")
        )
        if photo > ceiling:
            share = (photo - own) / (photo - ceiling)
            told.append(
                f"From the photo's {photo:.1f} mm to the {ceiling:.1f} mm of the true body "
                f"silhouette, the map goes {share:.0%} of the way."
            )
    return told or ["These inputs answer no question about the map."]


def _answer(runs: pd.DataFrame, one: str, other: str, what: str) -> str:
    difference, error = gain(runs, one, other, ERROR)
    where = [
        name for name in LOOSENESS if _is_sure(*gain(runs, one, other, f"{ERROR}_{name}"), sign=1)
    ]
    begin = f"{what[0].upper()}{what[1:]}"
    amount = f"({number(abs(difference), 2)} \u00b1 {number(error, 2)} mm {ERRORS[ERROR]})"
    if _is_sure(difference, error, 1):
        groups = f", in the groups: {', '.join(where)}" if where else ""
        return f"{begin} helps {amount}{groups}."
    if _is_sure(difference, error, -1):
        return f"{begin} does harm {amount}."
    return f"{begin} makes no difference that these seeds can tell {amount}."


def gain(runs: pd.DataFrame, one: str, other: str, metric: str) -> tuple[float, float]:
    """By how much an input's error is below another's, and the standard error over the seeds.

    Seeds that both have are paired: they had the same samples in the same order.

    Args:
        runs: Of the comparison.
        one: Name of an input.
        other: Of another one.
        metric: Its column.
    """
    values = runs.pivot(index="seed", columns="network", values=metric)[[one, other]].dropna()
    differences = values[other] - values[one]
    spread = float(differences.std()) if len(differences) > 1 else math.nan
    return float(differences.mean()), spread / math.sqrt(max(len(differences), 1))


def _is_sure(difference: float, error: float, sign: int) -> bool:
    return sign * difference > DEVIATION * error


def test_people(args: argparse.Namespace, estimator: Estimator) -> list[SampleSet[Any]]:
    """The people of --test."""
    return [rendered_people(args.test, estimator, Looks())]


def configure_measuring(parser: argparse.ArgumentParser) -> None:
    """The option that names what is measured on."""
    parser.add_argument(
        "--test",
        type=Path,
        nargs="+",
        required=True,
        metavar="PREPARED",
        help="folders of `data reconstruction` to measure on, of people of another seed",
    )


ABLATION = Ablation(
    fitting=FITTING,
    evaluation=replace(EVALUATION, sample_sets=test_people),
    variants={inputs: (f"network.inputs={inputs}",) for inputs in LAYERS},
    seeds=(0, 1, 2),
    metrics={
        **{error: (_place(error), ERRORS[error]) for error in SHOWN},
        **{f"{e}_error": (_place(e, "standard_error"), f"{ERRORS[e]}, error") for e in SHOWN},
        **{f"{ERROR}_{name}": (_bin_place(name), name) for name in LOOSENESS},
        **{
            f"{ERROR}_{name}_error": (_bin_place(name, "standard_error"), f"{name}, error")
            for name in LOOSENESS
        },
    },
    baseline=MEAN,
    configure_measuring=configure_measuring,
)
