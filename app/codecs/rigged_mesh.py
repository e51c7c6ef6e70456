"""A body as a GLB with a skeleton and shape targets, for Blender, three.js and game engines.

V vertices, J joints, N betas, T betas that have targets. Lengths in metres, Y up, facing +Z.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.spatial.transform import Rotation

from app.codecs.faces import Topology
from app.codecs.gltf import ATTRIBUTES, INDICES, Buffer, linear_colours
from app.codecs.meshes import MATERIAL
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor

BETAS_PER_TARGET = 3.0
"""What a target of weight 1 adds to its beta. Blender and Godot do not go beyond 1."""
MAX_TARGET_BETAS = 32
"""Phones show at most 64 targets, which are two for each beta."""
MAX_INFLUENCES = 4
"""Joints that move a vertex: as many as one set of attributes holds."""


@dataclass(frozen=True, eq=False)
class Rig:
    """What the rigged files of all bodies of one asset share. It is encoded at its first use."""

    topology: Topology
    parents: tuple[int, ...]
    """Of each joint; -1 for the root, which comes first."""
    lbs_weights: Float32[np.ndarray, "V J"]
    """How far each vertex follows each joint; rows sum to one."""
    shapedirs: Float32[np.ndarray, "V 3 N"]
    """How one unit of each beta moves each vertex."""

    @classmethod
    def of(cls, body: BodyPredictor, topology: Topology) -> "Rig":
        """Of a body asset."""
        weights, shapedirs = (
            tensor.float().cpu().numpy() for tensor in (body.smpl.lbs_weights, body.smpl.shapedirs)
        )
        return cls(topology, body.parents, weights, shapedirs)

    @property
    def target_names(self) -> list[str]:
        """beta_0_plus, beta_0_minus, beta_1_plus and so on."""
        num_betas = min(self.shapedirs.shape[2], MAX_TARGET_BETAS)
        return [f"beta_{beta}_{sign}" for beta in range(num_betas) for sign in ("plus", "minus")]

    @cached_property
    def shared(self) -> tuple[Buffer, dict[str, Any]]:
        """The arrays of every body, and the primitive that refers to them by their numbers."""
        buffer = Buffer()
        joints, weights = _influences(self.lbs_weights)
        small = self.topology.num_vertices < 2**16  # 65535 itself means no index
        attributes = {
            "JOINTS_0": buffer.add(joints, ATTRIBUTES),
            "WEIGHTS_0": buffer.add(weights, ATTRIBUTES),
        }
        indices = self.topology.faces.ravel().astype(np.uint16 if small else np.uint32)
        numbers = [
            buffer.add(sign * self.shapedirs[:, :, beta], ATTRIBUTES, bounds=True)
            for beta in range(len(self.target_names) // 2)
            for sign in (np.float32(BETAS_PER_TARGET), np.float32(-BETAS_PER_TARGET))
        ]
        return buffer, {
            "attributes": attributes,
            "indices": buffer.add(indices, INDICES),
            "material": 0,
            "targets": [{"POSITION": number} for number in numbers],
        }


def rigged_glb(
    t_pose: BodyMesh,
    rig: Rig,
    parameters: BodyParameters,
    vertex_colours: UInt8[np.ndarray, "V 3"] | None = None,
) -> bytes:
    """A skinned mesh at rest in the person's T-pose, its feet at y = 0, shown in the person's pose.

    The skeleton fits the person's own betas: targets move vertices and no joints. Corrections of
    the surface for the pose, which assets converted from SMPL have, are left out.

    Args:
        t_pose: Of the person's betas, without pose or translation.
        rig: Of the asset that `t_pose` was made with.
        parameters: The pose becomes the rotations of the joints; `transl` moves the pelvis from
            its place at rest.
        vertex_colours: sRGB; they replace the colour of the material.
    """
    lift = np.array([0, -t_pose.vertices[:, 1].min(), 0], np.float32)
    vertices, joints = t_pose.vertices + lift, t_pose.joints + lift
    shared, shared_primitive = rig.shared
    buffer = Buffer(begin_with=shared)
    attributes = {
        **shared_primitive["attributes"],
        "POSITION": buffer.add(vertices, ATTRIBUTES, bounds=True),
        "NORMAL": buffer.add(rig.topology.vertex_normals(vertices), ATTRIBUTES),
    }
    colour = np.asarray(MATERIAL.baseColorFactor) / 255
    if vertex_colours is not None:
        attributes["COLOR_0"] = buffer.add(linear_colours(vertex_colours), ATTRIBUTES)
        colour = np.ones(4)
    to_joints = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    to_joints[:, 3, :3] = -joints  # column by column
    inverse_bind_matrices = buffer.add(to_joints)
    names = rig.target_names
    mesh = {
        "name": "body",
        "primitives": [{**shared_primitive, "attributes": attributes}],
        "weights": [0] * len(names),
        "extras": {
            "targetNames": names,
            "betas_per_target": BETAS_PER_TARGET,
            "betas": np.pad(parameters.betas, (0, t_pose.num_betas))[: t_pose.num_betas],
            "lift": float(lift[1]),
        },
    }
    nodes = _joint_nodes(rig, joints, parameters)
    root, body = 0, len(nodes)
    return buffer.glb(
        {
            "asset": {"version": "2.0", "generator": "Habitus"},
            "scene": 0,
            "scenes": [{"nodes": [body, root]}],
            "nodes": [*nodes, {"name": "body", "mesh": 0, "skin": 0}],
            "meshes": [mesh],
            "skins": [
                {
                    "joints": list(range(len(nodes))),
                    "skeleton": root,
                    "inverseBindMatrices": inverse_bind_matrices,
                }
            ],
            "materials": [
                {
                    "name": MATERIAL.name,
                    "pbrMetallicRoughness": {
                        "baseColorFactor": colour,
                        "metallicFactor": MATERIAL.metallicFactor,
                        "roughnessFactor": MATERIAL.roughnessFactor,
                    },
                }
            ],
        }
    )


def _influences(
    lbs_weights: Float32[np.ndarray, "V J"],
) -> tuple[UInt8[np.ndarray, "V 4"], Float32[np.ndarray, "V 4"]]:
    """The joints that move each vertex most, and their weights, which sum to one."""
    joints = np.argsort(-lbs_weights, axis=1, kind="stable")[:, :MAX_INFLUENCES]
    weights = np.take_along_axis(lbs_weights, joints, axis=1).astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.where(weights > 0, joints, 0).astype(np.uint8), weights.astype(np.float32)


def _joint_nodes(
    rig: Rig, joints: Float[np.ndarray, "J 3"], parameters: BodyParameters
) -> list[dict[str, Any]]:
    """Each joint in the frame of its parent, turned."""
    places = joints.astype(np.float64)
    places[1:] -= joints[list(rig.parents[1:])]
    places[0] += parameters.transl
    turns = Rotation.from_rotvec(np.vstack([parameters.global_orient, parameters.body_pose]))
    nodes: list[dict[str, Any]] = [
        {"name": name, "translation": place, "rotation": turn}
        for name, place, turn in zip(rig.topology.joint_names, places, turns.as_quat(), strict=True)
    ]
    for child, parent in enumerate(rig.parents[1:], start=1):
        nodes[parent].setdefault("children", []).append(child)
    return nodes
