"""A body's surface in every format of `POST /mesh`.

V vertices, F faces. Lengths in metres, Y up.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.exchange.obj import export_obj
from trimesh.exchange.ply import export_ply
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from app.codecs import encoding
from app.codecs.faces import Topology
from app.codecs.media_types import GLB, JSON, NPZ, OBJ, PLY
from app.schemas.body import BetasUse, Units
from model.body.predictor import BodyMesh

# Without a material glTF means bare metal, which viewers show nearly black.
MATERIAL = PBRMaterial(
    name="body", baseColorFactor=(204, 190, 180, 255), metallicFactor=0.0, roughnessFactor=0.8
)


@dataclass(frozen=True)
class Surface:
    """A mesh with all that its files say of it."""

    mesh: BodyMesh
    topology: Topology
    betas: BetasUse
    with_faces: bool = True
    """Whether JSON and NPZ hold the triangles, which are the same for every body."""


def _json(surface: Surface) -> bytes:
    faces = {"faces": orjson.Fragment(surface.topology.faces_json)} if surface.with_faces else {}
    return encoding.json_bytes(
        {
            "vertices": np.ascontiguousarray(surface.mesh.vertices),
            **faces,
            "joints": np.ascontiguousarray(surface.mesh.joints),
            "joint_names": surface.topology.joint_names,
            "units": Units().model_dump(),
            **surface.betas.model_dump(),
        }
    )


def _npz(surface: Surface) -> bytes:
    arrays: dict[str, Any] = {
        "vertices": surface.mesh.vertices,
        "joints": surface.mesh.joints,
        "joint_names": np.array(surface.topology.joint_names),
    }
    if surface.with_faces:
        arrays["faces"] = surface.topology.faces
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _glb(surface: Surface) -> bytes:
    mesh = _trimesh(surface)
    mesh.visual = TextureVisuals(material=MATERIAL)
    return bytes(export_glb(mesh, include_normals=True))


def _ply(surface: Surface) -> bytes:
    return bytes(export_ply(_trimesh(surface), vertex_normal=True))


def _obj(surface: Surface) -> bytes:
    return bytes(export_obj(_trimesh(surface), include_normals=True, header=None), "ascii")


def _trimesh(surface: Surface) -> trimesh.Trimesh:
    vertices, topology = surface.mesh.vertices, surface.topology
    normals = topology.vertex_normals(vertices)
    return trimesh.Trimesh(
        vertices,
        topology.faces,
        vertex_normals=normals,
        process=False,
        metadata={"name": "body"},
    )


ENCODERS: Mapping[str, Callable[[Surface], bytes]] = {
    JSON: _json,
    GLB: _glb,
    OBJ: _obj,
    PLY: _ply,
    NPZ: _npz,
}
WITHOUT_FACES = (JSON, NPZ)
"""The formats that can leave the triangles out."""
