"""Vertices carried by joints.

B batch, V vertices, J joints.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def linear_blend_skinning(
    vertices: Float[Tensor, "B V 3"],
    transforms: Float[Tensor, "B J 4 4"],
    lbs_weights: Float[Tensor, "V J"],
) -> Float[Tensor, "B V 3"]:
    """Move each vertex by the weighted mean of its joints' transforms.

    Source: Loper et al., SMPL, SIGGRAPH Asia 2015, section 3, equation 7.

    Args:
        vertices: Rest-pose vertices, in metres.
        transforms: Rest-to-posed transform of each joint.
        lbs_weights: Rows sum to one.
    """
    affine = transforms[..., :3, :].flatten(start_dim=2)
    blended = (lbs_weights @ affine).unflatten(-1, (3, 4))
    rotated = torch.einsum("bvij,bvj->bvi", blended[..., :3], vertices)
    moved: Tensor = rotated + blended[..., 3]
    return moved
