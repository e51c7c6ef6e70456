"""How tall and how heavy adults are: published statistics, and people drawn from them.

Stature is normal and the body mass index log-normal, each cut off at its limits; both are drawn
independently of one another and of age.

Sources. US: Fryar et al., National Health Statistics Reports 122, 2018 (means of stature, mass,
waist girth and body mass index of US adults of 20 years and more, NHANES 2015-2016); standard
deviations from the 5th and 95th percentiles in Fryar et al., Vital and Health Statistics 3(39),
2016 (NHANES 2011-2014). Army: Gordon et al., 2012 Anthropometric Survey of U.S. Army Personnel
(ANSUR II), NATICK/TR-15/007, 2014: 4,082 men and 1,986 women of 17 to 58 years. The means of NHANES
have been compared with their report, to rounding. Its standard deviations and the numbers of ANSUR
II have not been compared with theirs; check them before you rely on them.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

SEXES = ("men", "women")


@dataclass(frozen=True)
class Published:
    """Mean and standard deviation of what was measured; None where it was not."""

    stature_cm: tuple[float, float]
    mass_kg: tuple[float, float]
    bmi: tuple[float, float]
    """Body mass index in kg/m^2."""
    chest_cm: tuple[float, float] | None
    waist_cm: tuple[float, float]
    hip_cm: tuple[float, float] | None


@dataclass(frozen=True)
class Build:
    """How a sex's stature and body mass index spread."""

    stature_cm: tuple[float, float]
    """Mean and standard deviation."""
    bmi_median: float
    bmi_log_spread: float
    """Standard deviation of its natural logarithm."""


@dataclass(frozen=True)
class Population:
    """People of one survey; pairs are of men and of women."""

    name: str
    builds: tuple[Build, Build]
    published: tuple[Published, Published]
    years: tuple[float, float]
    bmi_limits: tuple[float, float]
    """Nobody outside is drawn."""
    stature_spread: float = 2.8
    """Nobody is further from the mean stature, in standard deviations."""


US_ADULTS = Population(
    "US adults (NHANES)",
    (Build((175.5, 7.6), 28.5, 0.205), Build((161.7, 7.1), 28.7, 0.255)),
    (
        Published((175.5, 7.6), (89.7, 20.2), (29.1, 6.0), None, (102.1, 16.0), None),
        Published((161.7, 7.1), (77.3, 20.5), (29.6, 7.6), None, (98.0, 17.0), None),
    ),
    years=(18.0, 80.0),
    bmi_limits=(16.0, 45.0),
)
"""The people that Habitus draws."""
US_ARMY = Population(
    "US Army (ANSUR II)",
    (Build((175.6, 6.9), 27.3, 0.145), Build((162.8, 6.4), 25.3, 0.135)),
    (
        Published(
            (175.6, 6.9), (85.5, 14.2), (27.7, 4.0), (105.9, 8.7), (94.1, 11.2), (102.0, 7.7)
        ),
        Published((162.8, 6.4), (67.8, 11.0), (25.5, 3.5), (94.7, 8.3), (86.1, 10.0), (102.1, 7.6)),
    ),
    years=(18.0, 58.0),
    bmi_limits=(16.0, 45.0),
)
"""Known by their chests and hips too; only compared with."""


@dataclass(frozen=True)
class People:
    """Who is to be made."""

    female: Tensor
    """(B,) bool."""
    years: Tensor
    """(B,)"""
    stature: Tensor
    """(B,) metres."""
    bmi: Tensor
    """(B,) kg/m^2."""

    def repeated(self, times: int) -> "People":
        """The same people several times over."""
        return replace(self, **{name: values.repeat(times) for name, values in vars(self).items()})


def draw_people(population: Population, female: Tensor, generator: torch.Generator) -> People:
    """People of these sexes.

    Args:
        population: Whose statistics.
        female: (B,) bool.
        generator: Decides everything else.
    """
    number = len(female)

    def of_sex(values: tuple[float, float]) -> Tensor:
        return torch.where(female, values[1], values[0]).double()

    men, women = population.builds
    low, high = (torch.tensor(limit).log() for limit in population.bmi_limits)
    median = of_sex((men.bmi_median, women.bmi_median)).log()
    spread = of_sex((men.bmi_log_spread, women.bmi_log_spread))
    bmi = _normal((low - median) / spread, (high - median) / spread, generator)
    limit = torch.full((number,), population.stature_spread, dtype=torch.float64)
    stature = _normal(-limit, limit, generator)
    mean = of_sex((men.stature_cm[0], women.stature_cm[0]))
    deviation = of_sex((men.stature_cm[1], women.stature_cm[1]))
    youngest, oldest = population.years
    share = torch.rand(number, generator=generator, dtype=torch.float64)
    return People(
        female,
        youngest + share * (oldest - youngest),
        (mean + stature * deviation) / 100,
        (median + bmi * spread).exp(),
    )


def _normal(low: Tensor, high: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers between limits (B,): by the inverse of the distribution function."""
    below, above = torch.special.ndtr(low), torch.special.ndtr(high)
    share = torch.rand(len(low), generator=generator, dtype=torch.float64)
    drawn: Tensor = torch.special.ndtri(below + share * (above - below))
    return drawn
