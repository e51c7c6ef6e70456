"""Vertices carried by joints.

B batch, V vertices, J joints.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK = 4
"""Bodies carried at once: their 12 numbers a vertex stay in the processor's cache, which is also
what keeps a large batch from taking four times its own memory."""


def linear_blend_skinning(
    vertices: Float[Tensor, "B V 3"],
    transforms: Float[Tensor, "B J 4 4"],
    lbs_weights: Float[Tensor, "V J"],
    transl: Float[Tensor, "B 3"] | None = None,
) -> Float[Tensor, "B V 3"]:
    """Move each vertex by the weighted mean of its joints' transforms.

    Source: Loper et al., SMPL, SIGGRAPH Asia 2015, section 3, equation 7.

    Args:
        vertices: Rest-pose vertices, in metres.
        transforms: Rest-to-posed transform of each joint.
        lbs_weights: Rows sum to one.
        transl: Where all of a body goes in the end, in metres.

    Fastest where `vertices` and `lbs_weights` lie in memory coordinate by coordinate and joint by
    joint, as `Smpl` keeps them; any other layout gives the same.
    """
    affine = transforms[..., :3, :].flatten(start_dim=2).transpose(1, 2)
    moved = [
        _moved(*chunk, lbs_weights)
        for chunk in zip(vertices.transpose(1, 2).split(_CHUNK), affine.split(_CHUNK), strict=True)
    ]
    if transl is not None:
        moved = [
            chunk.add_(by[..., None]) for chunk, by in zip(moved, transl.split(_CHUNK), strict=True)
        ]
    # Joining them also brings each vertex's three coordinates together.
    return torch.cat([chunk.transpose(1, 2) for chunk in moved])


def _moved(
    coordinates: Float[Tensor, "B 3 V"],
    affine: Float[Tensor, "B 12 J"],
    lbs_weights: Float[Tensor, "V J"],
) -> Float[Tensor, "B 3 V"]:
    columns = (affine @ lbs_weights.T).unflatten(1, (3, 4)).unbind(dim=2)
    x, y, z = coordinates[:, None].unbind(dim=2)
    moved = torch.addcmul(columns[3], columns[0], x)
    return moved.addcmul_(columns[1], y).addcmul_(columns[2], z)
