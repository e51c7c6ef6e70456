"""Where the true value of a measurement is, by conformalised quantile regression.

Two linear functions of what is seen of a person give a lower and an upper bound of the error. Both
are widened by a share of their distance that was calibrated on people whom training has not seen,
for each group of looseness of the clothes. Coverage holds for people like those.

Sources: Romano, Patterson, Candès, Conformalized Quantile Regression, NeurIPS 2019; Kivaranovic,
Johnson, Leeb, Adaptive, Distribution-Free Prediction Intervals for Deep Networks, AISTATS 2020
(widening relative to the distance); Sesia, Candès, A comparison of some conformal quantile
regression methods, Stat 2020.

B people, M measurements, F features, E edges between G = E + 1 groups, W combinations of known
sizes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from model.body.measurements import MEASUREMENTS

COVERAGE = 0.9
"""Share of people whose true value is inside."""
FEATURES = ("constant", "deviation", "looseness", "hidden")
"""What the bounds are linear in: 1; the standard deviation of the measurement that follows from
that of the betas; `looseness`; share of the body that is not seen."""
NUM_KNOWN = 4
"""Nothing known, height, weight, both: height known counts 1, weight known counts 2."""
LEAST_WIDTH = 1e-3
"""Share of a measurement that the bounds are apart before they are widened."""


@dataclass(frozen=True)
class Circumstances:
    """What the bounds of one person's measurements depend on."""

    deviations: Float[np.ndarray, "M"]  # noqa: F821
    """Standard deviation of each measurement, in its unit."""
    looseness: float
    """From `looseness.looseness`."""
    hidden: float
    """Share of the body that is not seen, in [0, 1]."""
    height_known: bool = False
    weight_known: bool = False

    @property
    def known(self) -> int:
        """Index of the combination of known sizes."""
        return int(self.height_known) + 2 * int(self.weight_known)

    @property
    def features(self) -> Float[np.ndarray, "M F"]:
        """In the order of `FEATURES`."""
        ones = np.ones_like(self.deviations)
        return np.stack([ones, self.deviations, self.looseness * ones, self.hidden * ones], axis=1)


@dataclass(frozen=True)
class IntervalParameters:
    """The linear functions and their calibration. Measurements in the order of `MEASUREMENTS`.

    Raises:
        ValueError: The shapes do not fit each other.
    """

    edges: Float[np.ndarray, "E"]  # noqa: F821
    """Ascending looseness between the groups."""
    low: Float[np.ndarray, "W M F"]
    """Coefficients of how far below the value the lower bound is."""
    high: Float[np.ndarray, "W M F"]
    """Likewise of how far above it the upper bound is."""
    widening: Float[np.ndarray, "W G M"]
    """By how much of their distance either bound is moved outwards; negative moves inwards."""

    def __post_init__(self) -> None:
        coefficients = (NUM_KNOWN, len(MEASUREMENTS), len(FEATURES))
        widening = (NUM_KNOWN, len(self.edges) + 1, len(MEASUREMENTS))
        for name, shape in (("low", coefficients), ("high", coefficients), ("widening", widening)):
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} has the shape {found}; {shape} is needed")
        if (np.diff(self.edges) <= 0).any():
            raise ValueError(f"the edges {self.edges.tolist()} do not ascend")

    def group(self, looseness: float) -> int:
        """Index of the group of looseness."""
        return int(np.searchsorted(self.edges, looseness, side="right"))

    def bounds(
        self,
        values: Float[np.ndarray, "M"],  # noqa: F821
        about: Circumstances,
    ) -> tuple[Float[np.ndarray, "M"], Float[np.ndarray, "M"]]:  # noqa: F821
        """The interval of each measurement. It holds the value, and its lower end is positive.

        Args:
            values: Estimated.
            about: The same person.
        """
        low, high = self.uncalibrated(values, about)
        move = self.widening[about.known, self.group(about.looseness)] * (high - low)
        least = LEAST_WIDTH * values
        return (
            np.clip(low - move, np.minimum(least, values), values),
            np.maximum(high + move, values),
        )

    def uncalibrated(
        self,
        values: Float[np.ndarray, "M"],  # noqa: F821
        about: Circumstances,
    ) -> tuple[Float[np.ndarray, "M"], Float[np.ndarray, "M"]]:  # noqa: F821
        """The bounds before they are widened, at least `LEAST_WIDTH` apart.

        Args:
            values: Estimated.
            about: The same person.
        """
        features = about.features
        low = values - (self.low[about.known] * features).sum(axis=1)
        high = values + (self.high[about.known] * features).sum(axis=1)
        lacking = np.maximum(LEAST_WIDTH * np.abs(values) - (high - low), 0) / 2
        return low - lacking, high + lacking


def conformal_widening(
    values: Float[np.ndarray, "B M"],
    low: Float[np.ndarray, "B M"],
    high: Float[np.ndarray, "B M"],
    groups: Int[np.ndarray, "B"],  # noqa: F821
    num_groups: int,
) -> Float[np.ndarray, "G M"]:
    """The calibration of one combination of known sizes.

    Args:
        values: True ones, of people whom neither network nor bounds were fitted to.
        low: Their lower bounds from `uncalibrated`.
        high: Their upper bounds.
        groups: Group of each person; each needs at least 9 people.
        num_groups: G.

    Raises:
        ValueError: A group has too few people to reach `COVERAGE`.
    """
    scores = np.maximum(low - values, values - high) / (high - low)
    widening = np.empty((num_groups, values.shape[1]))
    for group in range(num_groups):
        of_group = np.sort(scores[groups == group], axis=0)
        rank = int(np.ceil(COVERAGE * (len(of_group) + 1)))
        if rank > len(of_group):
            raise ValueError(f"group {group} has {len(of_group)} people; at least 9 are needed")
        widening[group] = of_group[rank - 1]
    return widening
