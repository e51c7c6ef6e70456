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
from trimesh.exchange.obj import export_obj
from trimesh.exchange.ply import export_ply

from app.codecs import encoding
from app.codecs.faces import Topology
from app.codecs.glb import pack_glb
from app.codecs.media_types import GLB, JSON, NPZ, OBJ, PLY
from app.schemas.body import BetasUse, Units
from model.body.predictor import BodyMesh


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
    vertices = surface.mesh.vertices
    normals = surface.topology.vertex_normals(vertices)
    return pack_glb(vertices, normals, surface.topology.glb_indices)


def _ply(surface: Surface) -> bytes:
    return bytes(export_ply(_trimesh(surface), vertex_normal=True))


def _obj(surface: Surface) -> bytes:
    return bytes(export_obj(_trimesh(surface), include_normals=True, header=None), "ascii")


def _trimesh(surface: Surface) -> trimesh.Trimesh:
    vertices, topology = surface.mesh.vertices, surface.topology
    normals = topology.vertex_normals(vertices)
    return trimesh.Trimesh(vertices, topology.faces, vertex_normals=normals, process=False)


ENCODERS: Mapping[str, Callable[[Surface], bytes]] = {
    JSON: _json,
    GLB: _glb,
    OBJ: _obj,
    PLY: _ply,
    NPZ: _npz,
}
WITHOUT_FACES = (JSON, NPZ)
"""The formats that can leave the triangles out."""
