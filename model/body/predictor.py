"""Betas and poses in, meshes out.

V vertices, F faces, N betas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int32
from torch import Tensor

from model.body.asset import NUM_JOINTS, load_asset
from model.body.smpl import Smpl
from model.body.tape import Tape
from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES

MAX_BETAS = 300
"""As many as any SMPL file has. Fewer than an asset has are padded with zeros, more are cut."""


def _no_pose() -> Float32[np.ndarray, "23 3"]:
    return np.zeros((NUM_JOINTS - 1, 3), np.float32)


def _zero() -> Float32[np.ndarray, "3"]:
    return np.zeros(3, np.float32)


@dataclass(frozen=True)
class BodyParameters:
    """A person's shape, pose and place in SMPL's terms."""

    betas: Float32[np.ndarray, "N"]  # noqa: F821
    """Standard deviations from the mean shape, any number of them."""
    body_pose: Float32[np.ndarray, "23 3"] = field(default_factory=_no_pose)
    """Axis-angle in radians of joints 1 to 23, relative to their parents."""
    global_orient: Float32[np.ndarray, "3"] = field(default_factory=_zero)
    """Axis-angle in radians of the pelvis."""
    transl: Float32[np.ndarray, "3"] = field(default_factory=_zero)
    """In metres."""


@dataclass(frozen=True)
class BodyMesh:
    """A person's surface, in metres, Y up. The triangles are the predictor's `faces`."""

    vertices: Float32[np.ndarray, "V 3"]
    joints: Float32[np.ndarray, "24 3"]
    num_betas: int
    """How many betas the asset has: fewer were padded with zeros, more were cut."""


class BodyPredictor:
    """A body asset with the way from numbers and back around it."""

    def __init__(
        self,
        smpl: Smpl,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.smpl = smpl.to(self.device)
        self.header = header

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, device: torch.device | str = "cpu"
    ) -> "BodyPredictor":
        """Load a body asset.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged or holds something else.
        """
        header, asset = load_asset(Path(path))
        return cls(Smpl(asset), device, header)

    @property
    def faces(self) -> Int32[np.ndarray, "F 3"]:
        """Triangles, counter-clockwise seen from outside."""
        return self.smpl.faces.cpu().numpy().astype(np.int32)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """SMPL's 24 joints, in the order of `BodyMesh.joints`."""
        return SMPL_24_JOINT_NAMES

    @property
    def parents(self) -> tuple[int, ...]:
        """Parent of each joint; -1 for the root, which comes first."""
        _, *others = self.smpl.ancestors[0, :-1].tolist()
        return (-1, *others)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Body parts: each is named after the joint that moves it most."""
        return SMPL_24_JOINT_NAMES

    @property
    def part_labels(self) -> Int32[np.ndarray, "V"]:  # noqa: F821
        """For each vertex, the index of its part in `part_names`."""
        return self.smpl.lbs_weights.argmax(dim=1).cpu().numpy().astype(np.int32)

    @cached_property
    def tape(self) -> Tape:
        """Measures the asset's bodies in T-pose. Its first use takes half a second.

        Raises:
            AssetError: The asset's mean body cannot be measured.
        """
        return Tape(self.smpl)

    @property
    def num_betas(self) -> int:
        """How many betas the asset has."""
        return self.smpl.num_betas

    def predict_batch(self, items: Sequence[BodyParameters]) -> list[BodyMesh]:
        """A mesh for each item; the items may differ in their number of betas.

        Raises:
            InvalidInputError: A number is not finite, or so large that the mesh is not.
        """
        if not items:
            return []
        for item in items:
            for name in ("betas", "body_pose", "global_orient", "transl"):
                if not np.isfinite(getattr(item, name)).all():
                    raise InvalidInputError(f"{name} holds numbers that are not finite")
        betas = np.zeros((len(items), self.num_betas), np.float32)
        for row, item in zip(betas, items, strict=True):
            num_given = min(len(item.betas), self.num_betas)
            row[:num_given] = item.betas[:num_given]
        with torch.inference_mode():
            mesh = self.smpl(
                self._tensor(betas),
                self._tensor(np.stack([item.body_pose for item in items])),
                self._tensor(np.stack([item.global_orient for item in items])),
                self._tensor(np.stack([item.transl for item in items])),
            )
            vertices, joints = (
                mesh.vertices.float().cpu().numpy(),
                mesh.joints.float().cpu().numpy(),
            )
        if not (np.isfinite(vertices).all() and np.isfinite(joints).all()):
            raise InvalidInputError("the numbers are too large: the mesh they give is not finite")
        return [
            BodyMesh(vertices[index], joints[index], self.num_betas) for index in range(len(items))
        ]

    def _tensor(self, values: Float32[np.ndarray, "B ..."]) -> Tensor:
        return torch.from_numpy(values).to(self.smpl.v_template)
