"""Numbers over rendered people: errors of the network and the baselines, fused photos, intervals.

Standard errors are over people. Baselines, and what is fused from several photos, have one value
for each person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model.body.predictor import BodyPredictor
from model.reconstruction.fusion import fused
from model.reconstruction.gaussian import ShapeGaussian, seen_in_part
from training.reconstruction.baselines import BASELINES, guesses, t_pose
from training.reconstruction.metrics import NAMES, ShapeErrors, TPose, shape_errors
from training.reconstruction.people_scores import Guess, Intervals, PersonScore
from training.reporting.scoring import Scored
from training.reporting.standard_error import clustered_standard_error
from training.silhouette.report import BUILDS, LOOSENESS

ALONE, KNOWN, REFINED, FUSED = "network", "with height and weight", "refined", "photos fused"
DRESSED = "dressed silhouette"
WAYS = {ALONE: "alone", KNOWN: "known", REFINED: "refined", DRESSED: "dressed"}
"""Fields of `PersonScore` by the names of what they are the errors of."""
INTERVALS = {ALONE: "intervals", KNOWN: "known_intervals"}
"""Likewise of intervals."""
ERRORS = {
    "pve_t_sc": "PVE-T-SC",
    "pve_t": "PVE-T",
    "pve": "PVE",
    "mpjpe": "MPJPE",
    "pa_mpjpe": "PA-MPJPE",
    "bust": "chest",
    "waist": "waist",
    "hip": "hip",
    "height": "height",
}
"""Names of the errors, and the heads of their columns; all in millimetres."""
Rows = Mapping[str, Sequence[Guess]]


class PeopleReport:
    """Numbers of all scores."""

    def __init__(
        self,
        body: BodyPredictor,
        error_correlation: float,
        num_missed: int,
        seeds: Sequence[object],
    ) -> None:
        """Prepare.

        Args:
            body: The asset.
            error_correlation: Of the checkpoint, with which photos are fused.
            num_missed: Pictures in which the silhouette network missed the person.
            seeds: Of the rendered people.
        """
        self._body = body
        self._correlation = error_correlation
        self._num_missed = num_missed
        self._seeds = list(seeds)

    def __call__(self, scored: Sequence[Scored]) -> dict[str, Any]:
        """Over all, by looseness and by build."""
        scores: list[PersonScore] = [one.score for one in scored]
        people = [one.key.rpartition("/")[0] for one in scored]
        numbers = {person: place for place, person in enumerate(dict.fromkeys(people))}
        of_picture = np.array([numbers[person] for person in people])
        _, first = np.unique(of_picture, return_index=True)
        betas = np.stack([scores[place].true_betas for place in first])
        truths = [t_pose(self._body, own) for own in betas]
        rows = self._rows(scores, of_picture, betas, truths)
        measured = np.stack([truths[number].measured for number in of_picture])
        looseness = np.array([score.looseness for score in scores])
        bmi = np.array([score.bmi for score in scores])
        return {
            "people": summary(rows, people),
            "people_pictures": len(scores),
            "people_persons": len(numbers),
            "people_missed": self._num_missed,
            "people_seeds": self._seeds,
            "photos_fused": float(np.mean(np.bincount(of_picture))),
            "by_looseness": _bins(rows, people, looseness, LOOSENESS, "right"),
            "by_build": _bins(rows, people, bmi, BUILDS, "left"),
            "intervals": _coverage(scores, measured, looseness),
        }

    def _rows(
        self,
        scores: Sequence[PersonScore],
        of_picture: np.ndarray,
        betas: np.ndarray,
        truths: Sequence[TPose],
    ) -> dict[str, list[Guess]]:
        """The errors of every picture by who made them."""
        rows: dict[str, list[Guess]] = {
            name: [getattr(score, field) for score in scores] for name, field in WAYS.items()
        }
        together = self._fused(scores, of_picture, truths)
        rows[FUSED] = [Guess(together[number]) for number in of_picture]
        if len(truths) > 3:
            guess = guesses(self._body, betas, np.stack([truth.measured for truth in truths]))
            of_person = [
                {name: shape_errors(body, truth) for name, body in guess(number).items()}
                for number, truth in enumerate(truths)
            ]
            for name in BASELINES:
                rows[name] = [Guess(of_person[number][name]) for number in of_picture]
        return {name: guesses for name, guesses in rows.items() if _is_measured(guesses)}

    def _fused(
        self, scores: Sequence[PersonScore], of_picture: np.ndarray, truths: Sequence[TPose]
    ) -> list[ShapeErrors]:
        """Of each person, from all their pictures."""
        found = []
        for number, truth in enumerate(truths):
            own = [score for score, of in zip(scores, of_picture, strict=True) if of == number]
            # As the predictor does.
            shapes = [
                seen_in_part(ShapeGaussian.independent(one.betas, one.log_variance), one.seen)
                for one in own
            ]
            betas = fused(shapes, self._correlation).mean
            found.append(shape_errors(t_pose(self._body, betas), truth))
        return found


def summary(rows: Rows, people: Sequence[str]) -> dict[str, Any]:
    """Means over pictures with standard errors over people, by name; in millimetres.

    Args:
        rows: Of every picture, by name.
        people: Whose picture each is.
    """
    found: dict[str, Any] = {}
    for name, guesses_of in rows.items():
        columns = {error: [_value(guess, error) for guess in guesses_of] for error in ERRORS}
        found[name] = {
            "mean": {error: float(np.mean(values)) for error, values in columns.items()},
            "standard_error": {
                error: clustered_standard_error(values, people) for error, values in columns.items()
            },
        }
    return found


def _value(guess: Guess, error: str) -> float:
    part = guess.pose if hasattr(guess.pose, error) else guess.shape
    return float(getattr(part, error))


def _is_measured(row: Sequence[Guess]) -> bool:
    return bool(np.isfinite([guess.shape.pve_t for guess in row]).all())


def _bins(
    rows: Rows,
    people: Sequence[str],
    values: np.ndarray,
    bounds: Mapping[str, float],
    side: Any,
) -> dict[str, dict[str, Any]]:
    """Of each bin with pictures, by its name."""
    found = {}
    for name, chosen in _groups(values, bounds, side).items():
        places = np.flatnonzero(chosen).tolist()
        own = {who: [row[place] for place in places] for who, row in rows.items()}
        errors = summary(own, [people[place] for place in places])
        found[name] = {"pictures": len(places), "scores": errors}
    return found


def _groups(values: np.ndarray, bounds: Mapping[str, float], side: Any) -> dict[str, np.ndarray]:
    """Bool masks of the bins that hold anything, by name."""
    places = np.searchsorted([*bounds.values()], values, side)
    masks = {name: places == place for place, name in enumerate(bounds)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _coverage(
    scores: Sequence[PersonScore], measured: np.ndarray, looseness: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Coverage and mean width of the intervals, by what is known, over all and by looseness."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in INTERVALS.items():
        intervals: list[Intervals] = [getattr(score, field) for score in scores]
        if not len(intervals[0].low):
            continue
        low, high = (np.stack([getattr(one, end) for one in intervals]) for end in ("low", "high"))
        inside = (low <= measured) & (measured <= high)
        found[name] = {"all": _covered(inside, high - low)}
        for group, chosen in _groups(looseness, LOOSENESS, "right").items():
            found[name][group] = _covered(inside[chosen], (high - low)[chosen])
    return found


def _covered(inside: np.ndarray, width: np.ndarray) -> dict[str, Any]:
    """Coverage over all measurements, and coverage and mean width of each."""
    return {
        "pictures": len(inside),
        "coverage": float(inside.mean()),
        "each": {
            name: {"coverage": float(share), "width": float(mean)}
            for name, share, mean in zip(NAMES, inside.mean(0), width.mean(0), strict=True)
        },
    }
