"""Rotations: axis-angle vectors to matrices, with gradients everywhere.

*B any leading sizes.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_SMALL = 1e-4
"""Squared angle below which series are exact to double precision and quotients are not."""


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """Rodrigues' formula, with the series of its coefficients near zero.

    Args:
        axis_angle: Direction of the axis, length the angle in radians.
    """
    squared = axis_angle.square().sum(dim=-1)
    small = squared < _SMALL
    # The unused branch of a `where` still gets a gradient, so it must be finite.
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    half = angle / 2
    sine = torch.where(small, 1 - squared / 6 + squared**2 / 120, angle.sin() / angle)
    # (1 - cos a) / a^2, without the cancellation.
    versine = torch.where(
        small, 0.5 - squared / 24 + squared**2 / 720, 0.5 * (half.sin() / half) ** 2
    )
    cross = _cross_product_matrix(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine[..., None, None] * cross + versine[..., None, None] * (cross @ cross)


def _cross_product_matrix(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    x, y, z = vector.unbind(dim=-1)
    zero = torch.zeros_like(x)
    flat = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return flat.reshape(*vector.shape, 3)
