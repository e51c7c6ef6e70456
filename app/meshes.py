"""A body's surface in every format that `POST /mesh` gives.

V vertices, F faces. Lengths in metres, Y up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import trimesh
from trimesh.exchange.obj import export_obj

from app import encoding
from app.glb import pack_glb
from app.npz import pack_npz
from app.schemas.body import Units
from app.topology import Topology
from model.body.predictor import BodyMesh


@dataclass(frozen=True)
class Surface:
    """A mesh with all that its files say of it."""

    mesh: BodyMesh
    topology: Topology
    num_betas_ignored: int
    with_faces: bool = True
    """Whether JSON and NPZ hold the triangles, which are the same for every body."""


_UNITS = Units().model_dump()


def _json(surface: Surface) -> bytes:
    faces = {"faces": orjson.Fragment(surface.topology.faces_json)} if surface.with_faces else {}
    return encoding.json_bytes(
        {
            "vertices": np.ascontiguousarray(surface.mesh.vertices),
            **faces,
            "joints": np.ascontiguousarray(surface.mesh.joints),
            "joint_names": surface.topology.joint_names,
            "units": _UNITS,
            "num_betas": surface.mesh.num_betas,
            "num_betas_ignored": surface.num_betas_ignored,
        }
    )


def _npz(surface: Surface) -> bytes:
    faces = {"faces": surface.topology.faces_npy} if surface.with_faces else {}
    return pack_npz(
        {
            "vertices": encoding.npy(surface.mesh.vertices),
            **faces,
            "joints": encoding.npy(surface.mesh.joints),
            "joint_names": surface.topology.joint_names_npy,
        }
    )


def _glb(surface: Surface) -> bytes:
    vertices = surface.mesh.vertices
    normals = surface.topology.vertex_normals(vertices)
    return pack_glb(vertices, normals, surface.topology.glb_indices)


def _ply(surface: Surface) -> bytes:
    vertices, topology = surface.mesh.vertices, surface.topology
    properties = [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *properties,
        f"element face {len(topology.faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    rows = np.hstack([vertices, topology.vertex_normals(vertices)]).astype("<f4", copy=False)
    return b"".join(["\n".join(header).encode(), rows.tobytes(), topology.ply_faces])


def _obj(surface: Surface) -> bytes:
    vertices = surface.mesh.vertices
    mesh = trimesh.Trimesh(
        vertices,
        surface.topology.faces,
        vertex_normals=surface.topology.vertex_normals(vertices),
        process=False,
    )
    return bytes(export_obj(mesh, include_normals=True, header=None), "ascii")


ENCODERS: Mapping[str, Callable[[Surface], bytes]] = {
    encoding.JSON: _json,
    encoding.GLB: _glb,
    encoding.OBJ: _obj,
    encoding.PLY: _ply,
    encoding.NPZ: _npz,
}
WITHOUT_FACES = (encoding.JSON, encoding.NPZ)
"""The formats that can leave the triangles out; the others are files of triangles."""
