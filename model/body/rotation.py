"""Rotations: axis-angle vectors and matrices, with gradients everywhere.

*B any leading sizes.
"""

import torch
import torch.nn.functional as F
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


def matrix_to_axis_angle(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3"]:
    """The axis-angle vector of length at most pi, through the quaternion.

    Source: Markley, Unit Quaternion from Rotation Matrix, J. Guidance Control Dynamics 2008.

    Args:
        matrix: Rotations; not checked.
    """
    quaternion = _matrix_to_quaternion(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    squared = imaginary.square().sum(dim=-1, keepdim=True)
    small = squared < _SMALL
    length = torch.where(small, torch.ones_like(squared), squared).sqrt()
    ratio = squared / real.clamp_min(0.5).square()
    near_zero = (1 - ratio / 3 + ratio**2 / 5) / real.clamp_min(0.5)
    scale = torch.where(small, near_zero, torch.atan2(length, real) / length)
    axis_angle: Tensor = 2 * scale * imaginary
    return axis_angle


def _cross_product_matrix(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    x, y, z = vector.unbind(dim=-1)
    zero = torch.zeros_like(x)
    flat = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return flat.reshape(*vector.shape, 3)


def _matrix_to_quaternion(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 4"]:
    # 4 q q^T; its row with the largest diagonal element is far from zero and parallel to q.
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    outer = torch.stack(
        [
            *(1 + a + e + i, h - f, c - g, d - b),
            *(h - f, 1 + a - e - i, b + d, c + g),
            *(c - g, b + d, 1 - a + e - i, f + h),
            *(d - b, c + g, f + h, 1 - a - e + i),
        ],
        dim=-1,
    ).unflatten(-1, (4, 4))
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = outer.take_along_dim(best[..., None, None], dim=-2).squeeze(-2)
    quaternion = F.normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
