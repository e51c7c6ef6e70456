"""A body in SMPL format: its tensors, checked, in a checkpoint file.

V vertices, F faces, J joints, N betas, P pose features (9 for each joint but the root, or none).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.checkpoint import CheckpointHeader, load_checkpoint, save_checkpoint
from model.errors import AssetError, CheckpointError
from model.skeletons import SMPL_24_JOINT_NAMES

ARCHITECTURE = "smpl-body"
NUM_JOINTS = len(SMPL_24_JOINT_NAMES)
NUM_POSE_FEATURES = 9 * (NUM_JOINTS - 1)


@dataclass(frozen=True)
class SmplAsset:
    """Everything a body model knows before it is given a shape. Y up, metres, T-pose.

    Source: Loper et al., SMPL, SIGGRAPH Asia 2015, table 1, under the names of the SMPL files.
    """

    v_template: Float[Tensor, "V 3"]
    """The mean body."""
    shapedirs: Float[Tensor, "V 3 N"]
    """How one unit of each beta moves each vertex."""
    posedirs: Float[Tensor, "V 3 P"]
    """How each entry of (joint rotations - identity) moves each vertex; P may be 0."""
    J_regressor: Float[Tensor, "J V"]
    """Joints as weighted sums of vertices; rows sum to one."""
    parents: Int[Tensor, "J"]  # noqa: F821
    """Parent of each joint; -1 for the root, which comes first."""
    lbs_weights: Float[Tensor, "V J"]
    """How far each vertex follows each joint; rows sum to one."""
    faces: Int[Tensor, "F 3"]
    """Triangles, counter-clockwise seen from outside."""

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "SmplAsset":
        """Check tensors that came from elsewhere. Floats become float32, integers int64.

        Raises:
            AssetError: A tensor is missing, unknown, of a wrong shape, or not what it should be.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if wrong := sorted(names ^ tensors.keys()):
            raise AssetError(f"a body asset holds {sorted(names)}; missing or unknown: {wrong}")
        _check_shapes(tensors)
        asset = cls(
            **{
                name: tensors[name].to(torch.int64 if name in _INTEGER else torch.float32)
                for name in names
            }
        )
        asset._check_values()
        return asset

    @property
    def num_betas(self) -> int:
        """How many betas the asset has."""
        return self.shapedirs.shape[-1]

    def _check_values(self) -> None:
        num_vertices = self.v_template.shape[0]
        for name, tensor in self.tensors().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise AssetError(f"{name} holds numbers that are not finite")
        for name in ("J_regressor", "lbs_weights"):
            error = (getattr(self, name).sum(dim=1) - 1).abs().max().item()
            if error > 1e-3:
                raise AssetError(f"the rows of {name} sum to one only within {error:.3g}")
        if self.lbs_weights.min() < -1e-6:
            raise AssetError("lbs_weights holds negative weights")
        if self.faces.min() < 0 or self.faces.max() >= num_vertices:
            raise AssetError(f"faces name vertices outside 0 to {num_vertices - 1}")
        root, *others = self.parents.tolist()
        if root != -1 or not all(0 <= parent <= index for index, parent in enumerate(others)):
            raise AssetError(f"parents {[root, *others]} are no tree with its root first")

    def tensors(self) -> dict[str, Tensor]:
        """The tensors under their names."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


_INTEGER = ("parents", "faces")


def load_asset(path: Path) -> tuple[CheckpointHeader, SmplAsset]:
    """Read a body asset onto the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged or holds something else.
    """
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    try:
        return header, SmplAsset.from_tensors(tensors)
    except AssetError as error:
        raise CheckpointError(f"{path.name} holds no body: {error}") from error


def save_asset(path: Path, asset: SmplAsset, header: CheckpointHeader) -> None:
    """Write what `load_asset` reads; `architecture` and `config` are filled in here."""
    config = {
        "num_vertices": asset.v_template.shape[0],
        "num_betas": asset.num_betas,
        "num_pose_features": asset.posedirs.shape[-1],
    }
    header = dataclasses.replace(header, architecture=ARCHITECTURE, config=config)
    tensors = asset.tensors()
    # int32 halves the file's triangles and holds any vertex number.
    narrow = {name: tensors[name].to(torch.int32) for name in _INTEGER}
    save_checkpoint(path, {**tensors, **narrow}, header)


def _check_shapes(tensors: Mapping[str, Tensor]) -> None:
    num_vertices = tensors["v_template"].shape[0] if tensors["v_template"].ndim else 0
    num_features = tensors["posedirs"].shape[-1] if tensors["posedirs"].ndim else 0
    allowed: dict[str, tuple[int | None, ...]] = {
        "v_template": (num_vertices, 3),
        "shapedirs": (num_vertices, 3, None),
        "posedirs": (num_vertices, 3, NUM_POSE_FEATURES if num_features else 0),
        "J_regressor": (NUM_JOINTS, num_vertices),
        "parents": (NUM_JOINTS,),
        "lbs_weights": (num_vertices, NUM_JOINTS),
        "faces": (None, 3),
    }
    for name, shape in allowed.items():
        found = tuple(tensors[name].shape)
        fits = len(found) == len(shape) and all(
            size == wanted if wanted is not None else size > 0
            for size, wanted in zip(found, shape, strict=True)
        )
        if not fits or num_vertices == 0:
            wanted = tuple("any" if size is None else size for size in shape)
            raise AssetError(f"{name} has the shape {found}; {wanted} is needed")
        if tensors[name].is_floating_point() == (name in _INTEGER):
            raise AssetError(f"{name} has the type {tensors[name].dtype}")
