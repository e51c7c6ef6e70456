"""python -m training assets population: the bodies that are drawn, beside published statistics."""

import argparse

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model.skeletons import SMPL_24_JOINT_NAMES
from training.arguments import at_least
from training.assets.anny import AnnyBody
from training.assets.girths import Measurements, Tape
from training.assets.population import SEXES, US_ADULTS, US_ARMY, Population, Published

_ARM = ("shoulder", "elbow", "wrist", "hand")
_CM = 100.0
_HEAD = (
    "| population | sex | | stature cm | mass kg | BMI kg/m2 | chest cm | waist cm | hips cm |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--num-bodies",
        type=at_least(4),
        default=1000,
        metavar="N",
        help="bodies of each population (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="decides the people; default: 0"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    source = AnnyBody()
    generator = torch.Generator().manual_seed(args.seed)
    rows = [_HEAD]
    for population in (US_ADULTS, US_ARMY):
        measured = measure_people(source, population, args.num_bodies, generator)
        for sex, published in enumerate(population.published):
            rows += compare(population.name, SEXES[sex], measured[sex::2], published)
    print("\n".join(rows))
    return 0


def measure_people(
    source: AnnyBody, population: Population, num: int, generator: torch.Generator
) -> list[Measurements]:
    """Measure people of a population, men and women in turn."""
    tape = tape_for(source)
    people = source.sample(num, generator, population)
    measured = []
    for index in tqdm(range(num), desc=population.name, unit="body"):
        one = {name: values[index : index + 1] for name, values in people.items()}
        measured.append(tape(source.rest(one)[0][0].numpy()))
    return measured


def tape_for(source: AnnyBody) -> Tape:
    """What measures bodies of that source."""
    arm = [
        SMPL_24_JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right") for name in _ARM
    ]
    moved_by = source.lbs_weights.numpy().argmax(1)
    return Tape(source.faces.numpy(), ~np.isin(moved_by, arm), source.base_vertices.numpy())


def compare(
    population: str, sex: str, measured: list[Measurements], published: Published
) -> list[str]:
    """Two rows of the table: what was measured, and what is published."""
    columns: list[tuple[list[float], tuple[float, float] | None]] = [
        ([body.stature * _CM for body in measured], published.stature_cm),
        ([body.mass for body in measured], published.mass_kg),
        ([body.bmi for body in measured], published.bmi),
        ([body.chest * _CM for body in measured], published.chest_cm),
        ([body.waist * _CM for body in measured], published.waist_cm),
        ([body.hips * _CM for body in measured], published.hip_cm),
    ]
    ours = " | ".join(_spread(np.array(values)) for values, _ in columns)
    theirs = " | ".join(
        "not measured" if known is None else f"{known[0]:.1f} ± {known[1]:.1f}"
        for _, known in columns
    )
    return [
        f"| {population} | {sex} | bodies | {ours} |",
        f"| {population} | {sex} | published | {theirs} |",
    ]


def _spread(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.1f} ± {values.std():.1f}"
