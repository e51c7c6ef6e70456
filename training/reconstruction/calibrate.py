"""python -m training calibrate reconstruction: intervals of measurements that keep their word.

Conformalised quantile regression on rendered people whom training has not seen. Half of them fit
the bounds, the other half widens them, for each group of looseness as the confidence map shows it
and for each combination of known sizes. The pictures of a person count one by one.

The correlation of the errors of a person's photos, with which photos are fused, is estimated too.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.body.measurements import MEASUREMENTS
from model.checkpoint import TrainingPart
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import save_regressor
from model.reconstruction.intervals import (
    COVERAGE,
    FEATURES,
    NUM_KNOWN,
    IntervalParameters,
    conformal_widening,
)
from training.arguments import at_least, device, output_file
from training.engine.precision import pick_device
from training.engine.run import current_commit
from training.reconstruction.circumstances import SeenPeople, SeenPerson
from training.reconstruction.estimating import Estimator
from training.reconstruction.evaluate import refuse_learned
from training.reconstruction.origins import in_words
from training.reconstruction.quantile_regression import quantile_regression
from training.reconstruction.stored_people import StoredPeople, read_settings

LEAST_OF_GROUP = 20
"""Pictures in the calibrating half of each group of looseness; with fewer, groups are joined."""
MOST_FITTED = 1500
"""Pictures that bounds are fitted to."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="of a trained regressor")
    add(
        "--people",
        type=Path,
        nargs="+",
        required=True,
        metavar="PREPARED",
        help="folders of `data reconstruction`, of people whom it has not learned from",
    )
    add("--out", type=output_file, required=True, metavar="FILE", help="checkpoint to write")
    add(
        "--groups",
        type=at_least(1),
        default=4,
        metavar="N",
        help="groups of looseness at most (%(default)s)",
    )
    add("--batch-size", type=at_least(1), default=8, metavar="N", help="(%(default)s)")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Calibrate and write the checkpoint."""
    refuse_learned(args.checkpoint, args.people)
    estimator = Estimator.from_checkpoint(args.checkpoint, pick_device(args.device))
    if estimator.served is None:
        raise InvalidInputError(
            f"a regressor with the input {estimator.config.inputs!r} is never served: its "
            "intervals need no calibration"
        )
    people = StoredPeople.open(args.people)
    persons = [people.name(number)[:2] for number in range(len(people))]
    seen = SeenPeople(estimator)
    found: list[list[SeenPerson]] = []
    with tqdm(total=NUM_KNOWN * len(people), desc="measuring", unit="body") as bar:
        for known in range(NUM_KNOWN):
            of_known: list[SeenPerson] = []
            for start in range(0, len(people), args.batch_size):
                numbers = range(start, min(start + args.batch_size, len(people)))
                of_known += seen.of([people[number] for number in numbers], known)
                bar.update(len(numbers))
            found.append(of_known)
    is_fitting = halves(persons)
    regressor = dataclasses.replace(
        estimator.regressor,
        intervals=calibrated(found, is_fitting, args.groups),
        error_correlation=error_correlation(found[0], persons),
    )
    header = regressor.header
    assert header is not None
    part = TrainingPart(
        recipe={
            "command": f"python -m training calibrate reconstruction --checkpoint "
            f"{args.checkpoint} --people {' '.join(map(str, args.people))} --out {args.out}"
        },
        commit=current_commit(),
        data=f"calibrated on {in_words(read_settings(folder) for folder in args.people)}",
        steps=0,
    )
    save_regressor(
        args.out,
        regressor,
        dataclasses.replace(header, lineage=(*header.lineage, part), metrics={}),
    )
    intervals = regressor.intervals
    sys.stdout.write(
        f"wrote {args.out}: {len(intervals.edges) + 1} groups of looseness, errors of a person's "
        f"photos correlated by {regressor.error_correlation:.2f}; measure it with\n"
        f"  python -m training evaluate reconstruction --checkpoint {args.out} --people ...\n"
    )
    return 0


def halves(persons: Sequence[object]) -> np.ndarray:
    """(P,) bool: every second person, so that nobody is in both halves.

    Args:
        persons: Whose picture each is.
    """
    places = {person: place for place, person in enumerate(dict.fromkeys(persons))}
    return np.array([places[person] % 2 == 0 for person in persons])


def calibrated(
    found: Sequence[Sequence[SeenPerson]], is_fitting: np.ndarray, most_groups: int
) -> IntervalParameters:
    """Bounds and their widening.

    Args:
        found: All pictures, for each combination of known sizes.
        is_fitting: (P,) bool: pictures that bounds are fitted to; the others widen them.
        most_groups: Of looseness.

    Raises:
        InvalidInputError: There are too few people.
    """
    edges = looseness_edges([one.about.looseness for one in found[0]], is_fitting, most_groups)
    shape = (NUM_KNOWN, len(MEASUREMENTS), len(FEATURES))
    parameters = IntervalParameters(
        edges, np.zeros(shape), np.zeros(shape), np.zeros((*shape[:1], len(edges) + 1, shape[1]))
    )
    fitting, calibrating = np.flatnonzero(is_fitting), np.flatnonzero(~is_fitting).tolist()
    spread = np.linspace(0, len(fitting) - 1, min(len(fitting), MOST_FITTED)).astype(int)
    fitted = fitting[spread].tolist()
    tail = (1 - COVERAGE) / 2
    with tqdm(total=NUM_KNOWN * len(MEASUREMENTS), desc="fitting", unit="measurement") as bar:
        for known, people in enumerate(found):
            features = np.stack([people[place].about.features for place in fitted])
            above = np.stack([people[place].values - people[place].truth for place in fitted])
            for number in range(len(MEASUREMENTS)):
                for bounds, sign in ((parameters.low, 1.0), (parameters.high, -1.0)):
                    bounds[known, number] = quantile_regression(
                        features[:, number], sign * above[:, number], 1 - tail
                    )
                bar.update()
    for known, people in enumerate(found):
        chosen = [people[place] for place in calibrating]
        ends = [parameters.uncalibrated(one.values, one.about) for one in chosen]
        low, high = (np.stack(rows) for rows in zip(*ends, strict=True))
        groups = np.array([parameters.group(one.about.looseness) for one in chosen])
        truth = np.stack([one.truth for one in chosen])
        parameters.widening[known] = conformal_widening(truth, low, high, groups, len(edges) + 1)
    return parameters


def looseness_edges(
    looseness: Sequence[float], is_fitting: np.ndarray, most_groups: int
) -> np.ndarray:
    """Between equally large groups, as many as leave enough pictures to calibrate each.

    Args:
        looseness: Of each picture, as the map shows it.
        is_fitting: (P,) bool; edges are quantiles of these.
        most_groups: At most.

    Raises:
        InvalidInputError: There are too few pictures for a single group.
    """
    values = np.asarray(looseness)
    for number in range(most_groups, 0, -1):
        edges = np.unique(np.quantile(values[is_fitting], np.arange(1, number) / number))
        groups = np.searchsorted(edges, values[~is_fitting], side="right")
        if np.bincount(groups, minlength=len(edges) + 1).min() >= LEAST_OF_GROUP:
            return edges
    raise InvalidInputError(
        f"{len(values)} pictures are too few to calibrate with; at least {2 * LEAST_OF_GROUP} of "
        "several people are needed"
    )


def error_correlation(found: Sequence[SeenPerson], persons: Sequence[object]) -> float:
    """Share of the betas' errors that the pictures of a person have in common, in [0, 1].

    Errors are in units of their own deviations; the mean product of two pictures of a person, over
    the mean square.

    Args:
        found: Of each picture, no size known.
        persons: Whose picture each is.
    """
    errors = np.stack([one.beta_errors for one in found])
    products: list[float] = []
    squares: list[float] = []
    for person in dict.fromkeys(persons):
        own = errors[[other == person for other in persons]]
        if len(own) < 2:
            continue
        total, each = np.square(own.sum(0)), np.square(own).sum(0)
        products.append(float(((total - each) / (len(own) * (len(own) - 1))).mean()))
        squares.append(float((each / len(own)).mean()))
    if not squares:
        return 1.0
    return float(np.clip(np.mean(products) / np.mean(squares), 0, 1))
