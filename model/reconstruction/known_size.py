"""A shape that agrees with a known height and weight.

The network's betas are a Gaussian. A known height is a condition on it that holds exactly, a known
weight one that holds nearly. Both are linearised where the shape is, a few times over.

Source: Gauss-Newton steps of a Kalman update (Bell, Cathey, The Iterated Kalman Filter Update as a
Gauss-Newton Method, IEEE Transactions on Automatic Control, 1993).

B bodies, N betas, C conditions.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model.body.measurements import DENSITY
from model.body.smpl import Smpl
from model.reconstruction.gaussian import ShapeGaussian

HEIGHT, MASS = 0, 1
"""What `BodySize` measures."""
HEIGHT_STD = 0.005
"""Metres that people know their height to. Only the deviations that are left depend on it."""
WEIGHT_STD = 1.0
"""Kilograms that people know their weight to; clothes and a meal weigh as much."""
NUM_STEPS = 8
BETA_TOLERANCE = 1e-3
"""Steps end when no beta moves further."""
HEIGHT_TOLERANCE = 1e-4
"""Metres that the shape may be off the known height in the end."""


class BodySize:
    """Height and mass of a body model's shapes, as `model.body.tape` measures them."""

    def __init__(self, smpl: Smpl) -> None:
        self._smpl = smpl
        self._faces = smpl.faces
        self._surface = torch.unique(smpl.faces)

    def measure(
        self, betas: Float[Tensor, "B N"], sizes: Sequence[int] = (HEIGHT, MASS)
    ) -> Float[Tensor, "B C"]:
        """Height in metres, mass in kilograms, or one of them. Differentiable."""
        vertices = self._smpl.shape(betas).vertices
        measures = {HEIGHT: self._height_of, MASS: self._mass_of}
        return torch.stack([measures[size](vertices) for size in sizes], 1)

    def heights(self, betas: Float[np.ndarray, "B N"]) -> Float[np.ndarray, "B"]:  # noqa: F821
        """In metres."""
        with torch.no_grad():
            found = self.measure(torch.from_numpy(betas).to(self._smpl.template), (HEIGHT,))
            return found[:, 0].double().cpu().numpy()

    def linearised(
        self,
        betas: Float[np.ndarray, "N"],  # noqa: F821
        sizes: Sequence[int] = (HEIGHT, MASS),
    ) -> tuple[Float[np.ndarray, "C"], Float[np.ndarray, "C N"]]:  # noqa: F821
        """Height and mass, or one of them, and their derivatives by each beta."""
        point = torch.from_numpy(betas).to(self._smpl.template)
        with torch.enable_grad():
            point = point.requires_grad_()
            found = self.measure(point[None], sizes)[0]
            rows = [torch.autograd.grad(size, point, retain_graph=True)[0] for size in found]
        return found.detach().double().cpu().numpy(), torch.stack(rows).double().cpu().numpy()

    def _height_of(self, vertices: Float[Tensor, "B V 3"]) -> Float[Tensor, "B"]:  # noqa: F821
        heights = vertices[:, self._surface, 1]
        return heights.amax(1) - heights.amin(1)

    def _mass_of(self, vertices: Float[Tensor, "B V 3"]) -> Float[Tensor, "B"]:  # noqa: F821
        a, b, c = vertices[:, self._faces].unbind(2)
        return (a * torch.linalg.cross(b, c)).sum((1, 2)).abs() * (DENSITY / 6)


def conditioned(
    shape: ShapeGaussian,
    size: BodySize,
    height_m: float | None = None,
    weight_kg: float | None = None,
) -> ShapeGaussian:
    """The Gaussian under the condition of a known height or weight or both.

    The height of the mean is `height_m`, so that a larger number always gives a taller body.

    Args:
        shape: What is known without them.
        size: Of the body model.
        height_m: In metres, of a person.
        weight_kg: In kilograms, of a person.
    """
    given = {HEIGHT: height_m, MASS: weight_kg}
    known = [which for which, value in given.items() if value is not None]
    if not known:
        return shape
    wanted = np.array([value for value in given.values() if value is not None])
    noise = np.square(np.array([HEIGHT_STD, WEIGHT_STD]))[known]
    exact = np.where(np.array(known) == HEIGHT, 0.0, noise)
    mean = shape.mean.astype(np.float64)
    for _ in range(NUM_STEPS):
        sizes, slopes = size.linearised(mean, known)
        lacking = wanted - sizes + slopes @ (mean - shape.mean)
        before, mean = mean, shape.mean + _gain(shape, slopes, exact) @ lacking
        if np.abs(mean - before).max() < BETA_TOLERANCE:
            break
    if height_m is not None:
        mean = _exactly(mean, shape, size, height_m)
    gain = _gain(shape, slopes, noise)
    covariance = shape.covariance - gain @ slopes @ shape.covariance
    return ShapeGaussian(mean, (covariance + covariance.T) / 2)


def _gain(
    shape: ShapeGaussian,
    slopes: Float[np.ndarray, "C N"],
    noise: Float[np.ndarray, "C"],  # noqa: F821
) -> Float[np.ndarray, "N C"]:
    """Kalman's: how each beta follows from what the conditions lack."""
    spread = shape.covariance @ slopes.T
    gain: np.ndarray = np.linalg.solve(slopes @ spread + np.diag(noise), spread.T).T
    return gain


def _exactly(
    mean: Float[np.ndarray, "N"],  # noqa: F821
    shape: ShapeGaussian,
    size: BodySize,
    height_m: float,
) -> Float[np.ndarray, "N"]:  # noqa: F821
    """The mean, moved until its height is right: another vertex may have become the highest."""
    for _ in range(NUM_STEPS):
        sizes, slopes = size.linearised(mean, (HEIGHT,))
        if abs(height_m - sizes[0]) < HEIGHT_TOLERANCE:
            break
        direction = shape.covariance @ slopes[0]
        mean = mean + direction * ((height_m - sizes[0]) / (slopes[0] @ direction))
    return mean
