"""Betas: the directions in which bodies differ most.

B bodies, V vertices, N betas.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_UP = 1
_CHUNK = 4096


@dataclass(frozen=True)
class ShapeSpace:
    """A mean body and what one standard deviation of each beta adds to it."""

    mean: Array
    """(V, 3), metres."""
    directions: Array
    """(V, 3, N), metres per beta."""
    explained: Array
    """(N,) fraction of the variance that each beta explains."""

    @property
    def num_betas(self) -> int:
        """How many betas there are."""
        return int(self.directions.shape[-1])

    def project(self, vertices: Array) -> Array:
        """The betas (B, N) of bodies (B, V, 3): least squares."""
        basis = self.directions.reshape(-1, self.num_betas).astype(np.float64)
        centred = (vertices - self.mean).reshape(len(vertices), -1)
        # Principal directions are orthogonal: each beta stands alone.
        betas: Array = (centred @ basis) / np.square(basis).sum(axis=0)
        return betas

    def reconstruct(self, betas: Array) -> Array:
        """Bodies (B, V, 3) of betas (B, N)."""
        offsets = betas @ self.directions.reshape(-1, self.num_betas).T
        bodies: Array = self.mean + offsets.reshape(len(betas), *self.mean.shape)
        return bodies


def fit_shape_space(vertices: Array, num_betas: int) -> ShapeSpace:
    """Principal components of bodies in correspondence; one unit is one standard deviation.

    Signs: the first beta grows with height; of every other the largest movement is positive.

    Args:
        vertices: (B, V, 3), in one pose and one place, B over `num_betas`.
        num_betas: How many directions to keep.
    """
    num_bodies, num_vertices, _ = vertices.shape
    if num_bodies <= num_betas:
        raise ValueError(f"{num_bodies} bodies do not span {num_betas} betas")
    flat = vertices.reshape(num_bodies, -1)
    mean = flat.mean(axis=0, dtype=np.float64)
    # Far fewer bodies than coordinates: the eigenvectors of the bodies' inner products give the
    # components without a matrix of coordinates by coordinates.
    products = np.zeros((num_bodies, num_bodies))
    for start in range(0, flat.shape[1], _CHUNK):
        part = flat[:, start : start + _CHUNK] - mean[start : start + _CHUNK]
        products += part @ part.T
    values, vectors = np.linalg.eigh(products)
    values, vectors = values[::-1][:num_betas], vectors[:, ::-1][:, :num_betas]
    # Unit eigenvectors over the bodies: X^T v has the length of the singular value, so dividing by
    # sqrt(B - 1) leaves a standard deviation of movement per unit.
    directions = (flat.T @ vectors - np.outer(mean, vectors.sum(axis=0))) / np.sqrt(num_bodies - 1)
    directions = directions.reshape(num_vertices, 3, num_betas) * _signs(mean, directions)
    return ShapeSpace(mean.reshape(num_vertices, 3), directions, values / np.trace(products))


def _signs(mean: Array, directions: Array) -> Array:
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    height = mean.reshape(-1, 3)[:, _UP]
    first = directions[:, 0].reshape(-1, 3)[:, _UP]
    signs[0] = np.sign(first[height.argmax()] - first[height.argmin()])
    return np.asarray(signs)
