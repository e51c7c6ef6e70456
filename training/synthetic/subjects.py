"""A dressed person in T-pose, and the same person posed.

V vertices of the body, S of all its clothes, F triangles.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from model.body.kinematics import ancestors, forward_kinematics, rest_to_posed
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.synthetic.accessories import HANDS, NUM_WEIGHTS
from training.synthetic.bodies import BodySource, Floats, Ints, RestBody
from training.synthetic.capsules import Capsules
from training.synthetic.coco_keypoints import CocoKeypoints
from training.synthetic.wardrobe import Outfit

_HANDS = [SMPL_24_JOINT_NAMES.index(name) for name in HANDS]


@dataclass(frozen=True)
class Subject:
    """A dressed person in T-pose, ready to be posed: body first, then each garment."""

    body: RestBody
    outfit: Outfit
    capsules: Capsules
    vertices: Floats
    """(V + S, 3)"""
    normals: Floats
    """(V + S, 3)"""
    lbs_weights: torch.Tensor
    """(V + S, 26): SMPL's joints, then the hands for what hangs down from them."""
    faces: Ints
    """(F, 3) all triangles."""
    layers: Ints
    """(F,) 0 the body, then 1, 2 ... the garments from the inside out."""
    num_body_vertices: int
    cover: Floats
    """(17,) metres of own skin and clothes that may lie over each of COCO's keypoints."""

    @cached_property
    def num_body_faces(self) -> int:
        """How many triangles the naked body has."""
        return int(np.searchsorted(self.layers, 1))


def assemble(
    source: BodySource, body: RestBody, outfit: Outfit, keypoints: CocoKeypoints
) -> Subject:
    """Body and garments as one mesh."""
    shell = source.body
    vertices, normals = [body.surface], [body.surface_of(shell)[1]]
    weights, faces = [_extended(shell.lbs_weights)], [shell.faces]
    for garment in outfit.garments:
        faces.append(garment.faces + sum(len(part) for part in vertices))
        vertices.append(garment.vertices)
        normals.append(garment.normals)
        weights.append(_extended(garment.lbs_weights))
    return Subject(
        body,
        outfit,
        Capsules(body.joints, body.surface[::4], source.dominant[::4]),  # enough for medians
        np.concatenate(vertices),
        np.concatenate(normals),
        torch.from_numpy(np.concatenate(weights)),
        np.concatenate(faces).astype(np.int32),
        np.repeat(np.arange(len(faces)), [len(part) for part in faces]),
        len(body.surface),
        keypoints.cover(body.surface, source.dominant),
    )


@dataclass(frozen=True)
class Posed:
    """A subject in some pose, around the origin."""

    vertices: Floats
    """(V + S, 3)"""
    transforms: Floats
    """(V + S, 3, 4) what has happened to each vertex; also turns its normal."""
    joints: Floats
    """(24, 3)"""


def pose_subject(subject: Subject, axis_angle: Floats, upright: Floats) -> Posed:
    """Move everything by the joints.

    Args:
        subject: Who.
        axis_angle: (24, 3), the first the global orientation.
        upright: (3, 3) rotation of what hangs down: the person's heading on level ground.
    """
    rest = torch.from_numpy(subject.body.joints)[None]
    matrices = Rotation.from_rotvec(axis_angle).as_matrix().astype(np.float32)
    rotations = torch.from_numpy(matrices)[None]
    world = forward_kinematics(rotations, rest, ancestors(SMPL_24_PARENTS))
    hung = torch.eye(4).repeat(len(_HANDS), 1, 1)
    hung[:, :3, :3] = torch.from_numpy(upright.astype(np.float32))
    hung[:, :3, 3] = world[0, _HANDS, :3, 3]
    transforms = rest_to_posed(
        torch.cat([world, hung[None]], dim=1), torch.cat([rest, rest[:, _HANDS]], dim=1)
    )
    # Linear blend skinning as in `model.body.skinning`, but the blended transforms are kept.
    affine = transforms[0, :, :3].flatten(start_dim=1)
    blended = (subject.lbs_weights @ affine).unflatten(-1, (3, 4))
    moved = torch.einsum("vij,vj->vi", blended[..., :3], torch.from_numpy(subject.vertices))
    vertices = (moved + blended[..., 3]).numpy()
    return Posed(vertices, blended.numpy(), world[0, :, :3, 3].numpy())


def _extended(lbs_weights: Floats) -> Floats:
    """Weights (S, 24 or 26) as (S, 26)."""
    extended: Floats = np.zeros((len(lbs_weights), NUM_WEIGHTS), np.float32)
    extended[:, : lbs_weights.shape[1]] = lbs_weights
    return extended
