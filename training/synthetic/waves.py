"""Smooth random functions of space: a few sine waves."""

from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats

SCALE = 1.8
"""What the mean of the sines is multiplied with, so that it uses the range from -1 to 1."""


@dataclass(frozen=True)
class Waves:
    """A sum of plane sine waves, in [-1, 1] and mostly well inside."""

    vectors: Floats
    """(K, D) wave vectors, radians per unit of space."""
    phases: Floats
    """(K,)"""

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        num: int = 6,
        wavelengths: tuple[float, float] = (0.1, 0.5),
        dimensions: int = 3,
    ) -> "Waves":
        """Waves in random directions.

        Args:
            rng: Decides.
            num: How many.
            wavelengths: Shortest and longest, in the unit of the points.
            dimensions: Of the points.
        """
        directions = rng.normal(size=(num, dimensions))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = np.exp(rng.uniform(np.log(wavelengths[0]), np.log(wavelengths[1]), (num, 1)))
        vectors = directions * (2 * np.pi / lengths)
        return cls(vectors.astype(np.float32), rng.uniform(0, 2 * np.pi, num).astype(np.float32))

    def __call__(self, points: Floats) -> Floats:
        """Values (N,) at points (N, D)."""
        mean: Floats = np.sin(points @ self.vectors.T + self.phases).mean(-1)
        scaled: Floats = np.clip(mean * SCALE, -1, 1)
        return scaled

    def gradient(self, points: Floats) -> Floats:
        """Slope (N, D) at points (N, D), as if values were never clipped."""
        slopes = np.cos(points @ self.vectors.T + self.phases) @ self.vectors
        gradient: Floats = slopes * np.float32(SCALE / len(self.phases))
        return gradient
