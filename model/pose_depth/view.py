"""Where the camera is, as seen from the body: one definition for labels and for predictions.

The frame of a torso has the axes right (to the person's own right), up (from hips to shoulders) and
forward. The azimuth of a camera is 0 degrees before the person, 90 at their right, 180 behind them;
its elevation is positive above them.

Poses are in the camera's axes: x right, y down, z away from the camera.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from model.pose_depth.skeleton import HIPS, SHOULDERS


def torso_frame(poses: Float[Tensor, "*B 17 3"]) -> Float[Tensor, "*B 3 3"]:
    """Rows: unit vectors to the person's right, up the trunk, and forward.

    Up is exactly along the trunk; right is the mean of the axes of shoulders and hips, made
    perpendicular to it.
    """
    left, right = (poses[..., [SHOULDERS[side], HIPS[side]], :].mean(-2) for side in (0, 1))
    shoulders, hips = (poses[..., list(pair), :].mean(-2) for pair in (SHOULDERS, HIPS))
    up = normalize(shoulders - hips, dim=-1)
    across = right - left
    across = normalize(across - (across * up).sum(-1, keepdim=True) * up, dim=-1)
    # Of a right-handed frame seen in axes whose y points down and z away.
    forward = torch.linalg.cross(up, across)
    return torch.stack([across, up, forward], dim=-2)


def camera_in_torso(
    poses: Float[Tensor, "*B 17 3"], cameras: Float[Tensor, "*B 3"]
) -> Float[Tensor, "*B 3"]:
    """Unit direction from the pelvis to the camera: right, up and forward.

    Args:
        poses: Of the person, in any right-handed axes.
        cameras: From the middle of the hips to the camera, in the same axes; any length but 0.
    """
    turned = (torso_frame(poses) @ cameras[..., None]).squeeze(-1)
    return normalize(turned, dim=-1)


def towards_camera(poses: Float[Tensor, "*B 17 3"]) -> Float[Tensor, "*B 3"]:
    """What `camera_in_torso` gives of poses in the camera's axes alone.

    The camera is then opposite to the z axis; that the person may stand beside the optical axis is
    not known.
    """
    ahead = torch.zeros_like(poses[..., 0, :])
    ahead[..., 2] = -1
    return camera_in_torso(poses, ahead)


def azimuth_deg(directions: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    """In [0, 360), of directions of `camera_in_torso`."""
    angle = torch.rad2deg(torch.atan2(directions[..., 0], directions[..., 2]))
    return angle % 360


def elevation_deg(directions: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    """In [-90, 90]."""
    level = directions[..., [0, 2]].norm(dim=-1)
    return torch.rad2deg(torch.atan2(directions[..., 1], level))
