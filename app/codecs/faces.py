"""What all bodies of one asset share: triangles in every format, and how to compute normals.

V vertices, F faces.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int32
from scipy.sparse import csr_array

from app.codecs import encoding
from model.body.predictor import BodyPredictor

_UP = np.array([0, 1, 0], np.float32)


@dataclass(frozen=True, eq=False)
class Topology:
    """The triangles and joint names of an asset's bodies. Each format is made at its first use."""

    faces: Int32[np.ndarray, "F 3"]
    """Counter-clockwise seen from outside."""
    num_vertices: int
    joint_names: tuple[str, ...]

    @classmethod
    def of(cls, body: BodyPredictor) -> "Topology":
        """Of a body asset."""
        return cls(body.faces, len(body.part_labels), body.joint_names)

    @cached_property
    def faces_json(self) -> bytes:
        """[[0, 1, 2], ...]."""
        return encoding.json_bytes(self.faces)

    @cached_property
    def faces_npy(self) -> bytes:
        """A .npy file of int32 (F, 3)."""
        return encoding.npy(self.faces)

    @cached_property
    def digest(self) -> str:
        """Identifies the triangles and the number of vertices."""
        return hashlib.sha256(b"%d " % self.num_vertices + self.faces_npy).hexdigest()[:32]

    @cached_property
    def _corners(
        self,
    ) -> tuple[Int32[np.ndarray, "C"], Int32[np.ndarray, "C"], Int32[np.ndarray, "_"]]:  # noqa: F821
        """All C = 3F corners sorted by vertex: corner, face, and where each vertex starts.

        Corner numbers: the first corners of all faces, then the second, then the third.
        """
        vertices = self.faces.T.ravel()
        order = np.argsort(vertices, kind="stable").astype(np.int32)
        starts = np.searchsorted(vertices[order], np.arange(self.num_vertices + 1))
        return order, order % np.int32(len(self.faces)), starts.astype(np.int32)

    def vertex_normals(self, vertices: Float32[np.ndarray, "V 3"]) -> Float32[np.ndarray, "V 3"]:
        """Unit normals: the mean of the faces' normals, weighted by the angle at the vertex.

        A vertex without an area around it gets a normal that points up. trimesh gives the same
        otherwise, and takes nine times as long.

        Source: Thuermer and Wuethrich, Computing Vertex Normals from Polygonal Facets, Journal of
        Graphics Tools 3(1), 1998.
        """
        order, face_of_corner, starts = self._corners
        # Squares of squares follow: sizes about one keep them within what 32 bits hold.
        extent = np.abs(vertices).max(initial=1e-30)
        columns = np.ascontiguousarray(vertices.T) / extent
        a, b, c = (np.take(columns, corner, axis=1) for corner in self.faces.T)
        ab, bc, ca = b - a, c - b, a - c
        # From here on arrays are (3, F): x of all faces, then y, then z.
        normals = np.stack(
            [
                ab[1] * bc[2] - ab[2] * bc[1],
                ab[2] * bc[0] - ab[0] * bc[2],
                ab[0] * bc[1] - ab[1] * bc[0],
            ]
        )
        twice_areas = np.sqrt(np.einsum("if,if->f", normals, normals))
        cosines = [-np.einsum("if,if->f", u, v) for u, v in ((ca, ab), (ab, bc), (bc, ca))]
        angles = np.arctan2(twice_areas, np.stack(cosines))
        normals /= np.maximum(twice_areas, np.finfo(np.float32).tiny)
        weights = csr_array(
            (angles.ravel()[order], face_of_corner, starts),
            shape=(self.num_vertices, len(self.faces)),
        )
        sums = weights @ np.ascontiguousarray(normals.T)
        lengths = np.sqrt(np.einsum("vi,vi->v", sums, sums))[:, None]
        return np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), _UP)
