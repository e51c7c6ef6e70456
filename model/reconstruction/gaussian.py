"""What is known of a person's betas.

N betas.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class ShapeGaussian:
    """A normal distribution of betas. Where nothing is known it is the standard one."""

    mean: Float[np.ndarray, "N"]  # noqa: F821
    covariance: Float[np.ndarray, "N N"]

    @classmethod
    def independent(
        cls,
        mean: Float[np.ndarray, "N"],  # noqa: F821
        log_variance: Float[np.ndarray, "N"],  # noqa: F821
    ) -> "ShapeGaussian":
        """As the network gives it."""
        return cls(mean.astype(np.float64), np.diag(np.exp(log_variance.astype(np.float64))))

    @property
    def evidence(self) -> Float[np.ndarray, "N N"]:
        """The precision beyond that of the standard normal distribution, never negative."""
        values, vectors = np.linalg.eigh(np.linalg.inv(self.covariance))
        added: np.ndarray = (vectors * np.maximum(values - 1, 0)) @ vectors.T
        return added


def seen_in_part(shape: ShapeGaussian, share: float) -> ShapeGaussian:
    """The Gaussian where only a share of the body is seen: deviations grow towards 1.

    The evidence of a photo counts by the share of the body that it shows. The mean stays.

    Args:
        shape: As the network gives it.
        share: Of the body that is seen, in [0, 1].
    """
    values, vectors = np.linalg.eigh(shape.covariance)
    grown = np.where(values < 1, 1 / (1 + share * (1 / values - 1)), values)
    return ShapeGaussian(shape.mean, (vectors * grown) @ vectors.T)
