"""One shape for each person, from all that is known of them.

N betas.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from model.errors import InvalidInputError
from model.reconstruction.fusion import fused
from model.reconstruction.gaussian import ShapeGaussian
from model.reconstruction.inputs import PersonView
from model.reconstruction.known_size import BodySize, conditioned


@dataclass(frozen=True)
class PersonShape:
    """The shape of a person, and the photos that show them."""

    gaussian: ShapeGaussian
    photos: tuple[int, ...]
    """Indices among all photos of a batch."""
    height_m: float | None
    weight_kg: float | None
    """As the caller says."""

    def with_mean(
        self,
        betas: Float[np.ndarray, "N"],  # noqa: F821
        size: BodySize,
    ) -> "PersonShape":
        """With other betas, moved until they have the known height."""
        moved = ShapeGaussian(betas, self.gaussian.covariance)
        if self.height_m is not None:
            exact = conditioned(moved, size, self.height_m)
            moved = ShapeGaussian(exact.mean, self.gaussian.covariance)
        return PersonShape(moved, self.photos, self.height_m, self.weight_kg)


def shape_of_person(
    photos: Sequence[int],
    views: Sequence[PersonView],
    gaussians: Sequence[ShapeGaussian],
    error_correlation: float,
    size: BodySize,
) -> PersonShape:
    """Fuse the photos of a person, then apply what is known of their size.

    Args:
        photos: Indices of the person's photos; at least one.
        views: All photos.
        gaussians: What each of them says alone.
        error_correlation: Share of the error that photos of a person have in common.
        size: Of the body model.

    Raises:
        InvalidInputError: Photos of one person disagree about height or weight.
    """
    height = _known([views[photo].height_m for photo in photos], "heights")
    weight = _known([views[photo].weight_kg for photo in photos], "weights")
    together = fused([gaussians[photo] for photo in photos], error_correlation)
    shape = conditioned(together, size, height, weight)
    return PersonShape(shape, tuple(photos), height, weight)


def _known(values: Sequence[float | None], what: str) -> float | None:
    given = {value for value in values if value is not None}
    if len(given) > 1:
        raise InvalidInputError(f"photos of one person have the {what} {sorted(given)}; give one")
    return given.pop() if given else None
