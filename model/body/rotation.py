"""Rotations: axis-angle vectors and six numbers to matrices, with gradients everywhere.

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
    angle = torch.where(small, 1.0, squared).sqrt()
    half = angle / 2
    sine = torch.where(small, 1 - squared * (1 / 6 - squared / 120), angle.sin() / angle)
    # (1 - cos a) / a^2, without the cancellation.
    versine = torch.where(
        small, 0.5 - squared * (1 / 24 - squared / 720), 0.5 * (half.sin() / half) ** 2
    )
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    # Row i of the matrix that stands for "the axis times" is unit vector i times the axis.
    cross = torch.linalg.cross(identity.expand(*axis_angle.shape, 3), axis_angle[..., None, :])
    rotation: Tensor = (
        identity + sine[..., None, None] * cross + versine[..., None, None] * (cross @ cross)
    )
    return rotation


def rotation_6d_to_matrix(six: Float[Tensor, "*B 6"]) -> Float[Tensor, "*B 3 3"]:
    """The rotation whose first two columns are nearest to two vectors, by Gram-Schmidt.

    Source: Zhou et al., On the Continuity of Rotation Representations in Neural Networks, CVPR
    2019, section 4.

    Args:
        six: The first vector, then the second. They must not be parallel, or zero.
    """
    first = F.normalize(six[..., :3], dim=-1)
    second = six[..., 3:]
    second = F.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def matrix_to_rotation_6d(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 6"]:
    """The first two columns, one after the other. The inverse of `rotation_6d_to_matrix`."""
    return torch.cat([matrix[..., 0], matrix[..., 1]], dim=-1)
