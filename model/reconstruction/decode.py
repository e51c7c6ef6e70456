"""What the network says, as bodies before a camera.

SMPL's axes are Y up: before the camera X is to the right, Y up, and the camera looks along -Z, so
that a person of no rotation faces it. The camera's own axes are X right, Y down, Z forward.

B batch, N betas, J joints, V vertices.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.body.rotation import rotation_6d_to_matrix
from model.body.smpl import Smpl
from model.reconstruction.network import Estimates

LEAST_DEPTH = 0.2
"""Metres in front of the camera. What is nearer is projected as if it were there."""


@dataclass(frozen=True)
class Cameras:
    """Cameras, and the crops that the network saw, in pixels of the pictures."""

    focal: Float[Tensor, "B"]  # noqa: F821
    centre: Float[Tensor, "B 2"]
    """x, y where the camera looks: the middle of the picture."""
    crop_centre: Float[Tensor, "B 2"]
    crop_side: Float[Tensor, "B"]  # noqa: F821

    def of(self, photos: Int[Tensor, "P"]) -> "Cameras":  # noqa: F821
        """Of some of the photos."""
        return Cameras(
            self.focal[photos],
            self.centre[photos],
            self.crop_centre[photos],
            self.crop_side[photos],
        )

    def project(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N 2"]:
        """Points in the camera's axes -> pixels of the picture."""
        depth = points[..., 2:].clamp(min=LEAST_DEPTH)
        return self.focal[:, None, None] * points[..., :2] / depth + self.centre[:, None]

    def over_crop(self, pixels: Float[Tensor, "B N 2"]) -> Float[Tensor, "B N 2"]:
        """Pixels of the picture -> places over the crop, each in [-1, 1] inside it."""
        return (pixels - self.crop_centre[:, None]) * (2 / self.crop_side)[:, None, None]

    def pelvis(self, camera: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
        """Where the pelvis is, in the camera's axes.

        Args:
            camera: As the network gives it.
        """
        scale, place = camera[:, :1], camera[:, 1:]
        side, focal = self.crop_side[:, None], self.focal[:, None]
        pixels = self.crop_centre + place * side / 2
        depth = 2 * focal / (side * scale)
        return torch.cat([(pixels - self.centre) * depth / focal, depth], 1)

    def camera(self, pelvis: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
        """The inverse of `pelvis`: what the network should have said."""
        depth = pelvis[:, 2:].clamp(min=LEAST_DEPTH)
        scale = 2 * self.focal[:, None] / (self.crop_side[:, None] * depth)
        return torch.cat([scale, self.over_crop(self.project(pelvis[:, None]))[:, 0]], 1)


@dataclass(frozen=True)
class PosedPeople:
    """Bodies before their cameras."""

    betas: Float[Tensor, "B N"]
    rotations: Float[Tensor, "B J 3 3"]
    """Of the joints relative to their parents, the root first; Y up."""
    transl: Float[Tensor, "B 3"]
    """What SMPL adds to all vertices, in metres; Y up."""
    vertices: Float[Tensor, "B V 3"]
    """In the camera's axes, in metres."""
    joints: Float[Tensor, "B J 3"]
    """Likewise."""


def decode(smpl: Smpl, estimates: Estimates, cameras: Cameras) -> PosedPeople:
    """The bodies that the network describes. Differentiable in all it says.

    Args:
        smpl: The body model that the betas belong to.
        estimates: From the network.
        cameras: Where they were seen from.
    """
    rotations = rotation_6d_to_matrix(estimates.rotations)
    return posed(smpl, estimates.betas, rotations, cameras.pelvis(estimates.camera))


def posed(
    smpl: Smpl,
    betas: Float[Tensor, "B N"],
    rotations: Float[Tensor, "B J 3 3"],
    pelvis: Float[Tensor, "B 3"],
) -> PosedPeople:
    """Bodies from shape, pose and place.

    Args:
        smpl: The body model.
        betas: Of each.
        rotations: Of the joints, Y up.
        pelvis: Where it is, in the camera's axes.
    """
    shaped = smpl.shape(betas)
    transl = y_up_to_camera(pelvis) - shaped.joints[:, 0]
    mesh = smpl.skin(smpl.rotate(shaped, rotations), transl)
    return PosedPeople(
        betas, rotations, transl, y_up_to_camera(mesh.vertices), y_up_to_camera(mesh.joints)
    )


def y_up_to_camera(points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """X right, Y up, looking along -Z -> X right, Y down, Z forward. It is its own inverse."""
    return points * points.new_tensor([1.0, -1.0, -1.0])
