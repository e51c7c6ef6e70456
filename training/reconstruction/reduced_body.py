"""A body of few vertices that moves as the whole one does: for losses.

V vertices of the whole body, R of the reduced one, J joints.
"""

import torch
from torch import Tensor

from model.body.asset import NUM_JOINTS, SmplAsset


def reduced_asset(asset: SmplAsset, num_vertices: int) -> SmplAsset:
    """Some of the vertices, evenly spread over their order, and the joints themselves as vertices.

    Joints are weighted sums of all vertices of the shaped body, so they are linear in the betas.
    The last J vertices are the joints at rest, each moved by its own joint alone: the regressor of
    the reduced body only picks them, and its joints are those of the whole body.

    Args:
        asset: The whole body.
        num_vertices: To keep; all if there are fewer.

    Returns:
        Of `num_vertices` + J vertices, without triangles.

    Raises:
        ValueError: None would be kept.
    """
    if num_vertices < 1:
        raise ValueError(f"num_vertices is {num_vertices}; at least 1 is needed")
    total = len(asset.v_template)
    kept = torch.arange(min(num_vertices, total)) * total // min(num_vertices, total)
    regressor = asset.J_regressor.double()

    def joined(vertices: Tensor) -> Tensor:
        """(V, ...) to (R + J, ...)."""
        joints = (regressor @ vertices.double().flatten(1)).unflatten(1, vertices.shape[1:])
        return torch.cat([vertices[kept], joints.to(vertices.dtype)])

    picks = torch.zeros(NUM_JOINTS, len(kept) + NUM_JOINTS)
    picks[:, len(kept) :] = torch.eye(NUM_JOINTS)
    posedirs = asset.posedirs
    still = posedirs.new_zeros(NUM_JOINTS, *posedirs.shape[1:])
    return SmplAsset(
        v_template=joined(asset.v_template),
        shapedirs=joined(asset.shapedirs),
        # Pose correctives move the surface, not the joints that turn it.
        posedirs=torch.cat([posedirs[kept], still]),
        J_regressor=picks,
        parents=asset.parents,
        lbs_weights=torch.cat([asset.lbs_weights[kept], torch.eye(NUM_JOINTS)]),
        faces=torch.zeros(0, 3, dtype=torch.int64),
    )
