"""From stature and body mass index to Anny's parameters.

One number, the fatness, moves along a path through Anny's space: weight grows, muscle gives way to
fat, and local changes put the weight where surveys find it. Fatness and Anny's height are then
solved for, so that the mesh has the stature and the mass that were asked for.

B bodies.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model.body.measurements import DENSITY
from training.assets.population import People

Parameters = dict[str, Tensor]
"""Anny's phenotypes and local changes by name, each (B,) float64."""
Measure = Callable[[Parameters], tuple[Tensor, Tensor]]
"""Stature in metres and volume in cubic metres of each body."""

LOCAL_CHANGES: dict[str, tuple[str, ...]] = {
    "waist": ("measure-waist-circ-incr",),
    "belly": ("stomach-pregnant-incr",),
    "hips": ("measure-hips-circ-incr",),
    "seat": ("buttocks-volume-incr",),
    "thighs": ("l-upperleg-fat-incr", "r-upperleg-fat-incr"),
    "calves": ("l-lowerleg-fat-incr", "r-lowerleg-fat-incr"),
    "arms": (
        "l-upperarm-fat-incr",
        "r-upperarm-fat-incr",
        "l-lowerarm-fat-incr",
        "r-lowerarm-fat-incr",
    ),
    "chest": ("measure-bust-circ-incr",),
    "face": ("head-fat-incr", "neck-double-incr"),
}
"""Place -> Anny's local changes that move together."""
# Place -> of men and of women: the change at a fatness of zero, and how much it grows with it.
# Set so that the girths of `assets population` come out as published.
_WEIGHT_SITS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "waist": ((-0.1, -0.6), (0.0, -0.5)),
    "belly": ((0.0, 0.2), (0.0, 0.1)),
    "hips": ((-0.95, 0.0), (-0.6, 0.2)),
    "seat": ((-0.4, 0.1), (0.0, 0.2)),
    "thighs": ((0.0, 0.3), (0.0, 0.6)),
    "calves": ((0.1, 0.4), (0.1, 0.4)),
    "arms": ((0.0, 0.6), (0.0, 0.8)),
    "chest": ((-0.3, 0.05), (-0.15, 0.1)),
    "face": ((-0.2, 0.7), (-0.2, 0.7)),
}
APPLE, PEAR, BUST = 0.22, 0.28, 0.25
"""Spread of what sits around the middle, around hips and thighs, and on the chest, whatever the
fatness."""
_APPLE = {"waist": 1.0, "belly": 0.7}
_PEAR = {"hips": 0.7, "seat": 0.8, "thighs": 1.0}
CHANGE_LIMITS = (-1.0, 1.3)
"""Of a local change; beyond, meshes crease."""
FATNESS_LIMITS = (-0.9, 1.6)
"""Nobody outside is kept."""
HEIGHT_LIMITS = (-0.1, 1.1)
"""Of Anny's height likewise."""
MUSCLE = (0.5, 0.16, 0.1, 0.95)
"""Of somebody lean: mean, spread, least, greatest."""
GENDER_SPREAD = 0.12
"""Of Anny's gender around 0 (men) and 1 (women)."""
TOLERANCE = (0.01, 0.005)
"""Share of the body mass index, and metres of stature; whoever misses it by more is drawn again."""
ROUNDS = 3
"""Of Newton's method with the slopes of the first."""
_FAT_FROM, _FAT_TO = 0.4, 1.0
"""Fatness at which muscle begins to give way, and at which none is left."""
_STEP = 0.08


@dataclass(frozen=True)
class Traits:
    """What is drawn besides stature and mass, each (B,)."""

    gender: Tensor
    age: Tensor
    """Anny's: 2/3 is young, 1 is old."""
    muscle: Tensor
    proportions: Tensor
    apple: Tensor
    pear: Tensor
    bust: Tensor

    def repeated(self, times: int) -> "Traits":
        """The same people several times over."""
        return replace(self, **{name: values.repeat(times) for name, values in vars(self).items()})


def draw_traits(people: People, generator: torch.Generator) -> Traits:
    """How people of the same stature and mass differ."""
    normal = torch.randn(6, len(people.female), generator=generator, dtype=torch.float64)
    aside = (normal[0] * GENDER_SPREAD).abs().clamp(max=0.35)
    mean, spread, least, greatest = MUSCLE
    return Traits(
        gender=torch.where(people.female, 1 - aside, aside),
        age=(2 / 3 + (people.years - 25) / (75 - 25) / 3).clamp(0.62, 1.0),
        muscle=(mean + spread * normal[1]).clamp(least, greatest),
        proportions=(0.5 + 0.15 * normal[2]).clamp(0.1, 0.9),
        apple=normal[3] * APPLE,
        pear=normal[4] * PEAR,
        bust=normal[5] * BUST,
    )


class BuildSolver:
    """Finds parameters whose mesh has a given stature and body mass index."""

    def __init__(self, measure: Measure) -> None:
        """Tabulate the path for an average man and an average woman.

        Args:
            measure: Of meshes.
        """
        self._measure = measure
        self._fatness = torch.linspace(*FATNESS_LIMITS, 11, dtype=torch.float64)
        self._log_bmi, self._stature = [], []
        for gender in (0.0, 1.0):
            average = _average(gender, len(self._fatness))
            stature, volume = measure(parameters(average, self._fatness, torch.full((11,), 0.4)))
            self._log_bmi.append((volume * DENSITY / stature**2).log())
            heights = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
            stature, _ = measure(parameters(_average(gender, 3), torch.full((3,), 0.5), heights))
            self._stature.append(stature)

    def solve(self, people: People, traits: Traits) -> tuple[Parameters, Tensor]:
        """Parameters of these people, and which of them (B,) came out as asked and plausible."""
        fatness, height = self._guess(people)
        # Three bodies around the guess give both slopes of both measurements.
        offsets = torch.tensor([[0, 0], [1, 0], [0, 1]], dtype=torch.float64) * _STEP
        around = self._errors(
            people.repeated(3),
            traits.repeated(3),
            *((torch.stack([fatness, height]) + offset[:, None]) for offset in offsets),
        )
        at = around.unflatten(0, (3, -1))
        slopes = torch.stack([at[1] - at[0], at[2] - at[0]], dim=-1) / _STEP
        error = at[0]
        for _ in range(ROUNDS):
            step: Tensor = torch.linalg.solve(slopes, error)
            fatness, height = fatness - step[:, 0], height - step[:, 1]
            error = self._errors(people, traits, torch.stack([fatness, height]))
            kept = (error.abs() < torch.tensor(TOLERANCE)).all(-1)
            if kept.all():
                break
        for value, (low, high) in ((fatness, FATNESS_LIMITS), (height, HEIGHT_LIMITS)):
            kept &= (value >= low) & (value <= high)
        return parameters(traits, fatness, height), kept

    def _guess(self, people: People) -> tuple[Tensor, Tensor]:
        """Fatness and Anny's height of an average man or woman of that build."""
        fatness, height = torch.empty_like(people.bmi), torch.empty_like(people.bmi)
        anchors = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
        for sex in (0, 1):
            here = people.female == bool(sex)
            fatness[here] = _interpolated(people.bmi[here].log(), self._log_bmi[sex], self._fatness)
            height[here] = _interpolated(people.stature[here], self._stature[sex], anchors)
        return fatness, height

    def _errors(self, people: People, traits: Traits, *places: Tensor) -> Tensor:
        """Of log body mass index and of stature, (B, 2).

        Args:
            people: Who is asked for.
            traits: Of them.
            places: Fatness and Anny's height, each (2, ...); together B.
        """
        fatness, height = torch.cat(places, dim=-1)
        stature, volume = self._measure(parameters(traits, fatness, height))
        log_bmi = (volume * DENSITY / stature**2).log()
        return torch.stack([log_bmi - people.bmi.log(), stature - people.stature], dim=-1)


def parameters(traits: Traits, fatness: Tensor, height: Tensor) -> Parameters:
    """Anny's parameters of people of a fatness and of an Anny height, each (B,)."""
    fat = ((fatness - _FAT_FROM) / (_FAT_TO - _FAT_FROM)).clamp(0, 1)
    found = {
        "gender": traits.gender,
        "age": traits.age,
        "muscle": traits.muscle * (1 - fat),
        "weight": fatness,
        "height": height.to(fatness),
        "proportions": traits.proportions,
    }
    for place, (men, women) in _WEIGHT_SITS.items():
        start, growth = (a + traits.gender * (b - a) for a, b in zip(men, women, strict=True))
        change = start + growth * fatness
        change = change + traits.apple * _APPLE.get(place, 0) + traits.pear * _PEAR.get(place, 0)
        if place == "chest":
            change = change + traits.bust
        for name in LOCAL_CHANGES[place]:
            found[name] = change.clamp(*CHANGE_LIMITS)
    return found


def _average(gender: float, num: int) -> Traits:
    def full(value: float) -> Tensor:
        return torch.full((num,), value, dtype=torch.float64)

    return Traits(
        full(gender), full(0.8), full(MUSCLE[0]), full(0.5), full(0.0), full(0.0), full(0.0)
    )


def _interpolated(values: Tensor, knots: Tensor, results: Tensor) -> Tensor:
    """Piecewise linear, and linear beyond the ends; knots ascend."""
    place = torch.searchsorted(knots, values.contiguous()).clamp(1, len(knots) - 1)
    low, high = knots[place - 1], knots[place]
    share = (values - low) / (high - low)
    return results[place - 1] + share * (results[place] - results[place - 1])
