"""The licensed SMPL body, from its pickle to this project's format.

Reads v1.0 (Python 2, chumpy), v1.1.0 (300 betas) and what smplx's cleaning script makes of them.
The result keeps SMPL's licence: research only, not to be passed on.
"""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from model.body.asset import SmplAsset, save_asset
from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import AssetError
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.arguments import at_least
from training.assets.foreign_arrays import Array, to_array
from training.assets.unpickler import restricted_load
from training.engine.run import current_commit

DEFAULT_OUT = Path("runs/smpl/body_neutral.safetensors")
LICENCE = "LicenseRef-SMPL-Body"
"""https://smpl.is.tue.mpg.de: non-commercial research only, no redistribution."""

_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training assets smpl`."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        required=True,
        metavar="SMPL_NEUTRAL.pkl",
        help="the file from https://smpl.is.tue.mpg.de; v1.0, v1.1.0, or cleaned of chumpy",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="default: %(default)s")
    parser.add_argument(
        "--num-betas",
        type=at_least(1),
        metavar="N",
        help="keep only the first ones (default: all in the file)",
    )


def run(args: argparse.Namespace) -> int:
    """Convert; nothing is written when the file is refused."""
    asset = read_smpl_pickle(args.source, args.num_betas)
    header = CheckpointHeader(
        architecture="",
        config={},
        lineage=(
            TrainingPart(
                recipe={
                    "command": "python -m training assets smpl",
                    "source": args.source.name,
                    "source_sha256": hashlib.sha256(args.source.read_bytes()).hexdigest(),
                },
                commit=current_commit(),
                data="body scans of the SMPL authors",
                steps=0,
            ),
        ),
        metrics={},
        licence=LICENCE,
    )
    save_asset(args.out, asset, header)
    print(
        f"Wrote {args.out}: {asset.v_template.shape[0]:,} vertices, {asset.num_betas} betas.\n"
        "It is under SMPL's licence: for research only, not to be passed on.\n"
        "To serve it, put it in the place of checkpoints/body_neutral.safetensors."
    )
    return 0


def read_smpl_pickle(path: Path, num_betas: int | None = None) -> SmplAsset:
    """The asset in an SMPL pickle.

    Args:
        path: The pickle; it may be hostile.
        num_betas: How many betas to keep; None for all.

    Raises:
        FileNotFoundError: There is no such file.
        AssetError: The file is refused, or is no SMPL body.
    """
    content = restricted_load(path)
    if not isinstance(content, Mapping):
        raise AssetError(f"{path.name} holds a {type(content).__name__}; a dictionary is needed")
    if missing := [key for key in _KEYS if key not in content]:
        raise AssetError(f"{path.name} lacks {', '.join(missing)}; it is no SMPL body")
    try:
        arrays = {key: to_array(content[key], key) for key in _KEYS}
        tree = _parents(arrays["kintree_table"])
        tensors = {
            "v_template": arrays["v_template"],
            "shapedirs": arrays["shapedirs"][..., :num_betas],
            "posedirs": arrays["posedirs"],
            "J_regressor": arrays["J_regressor"],
            "parents": tree,
            "lbs_weights": arrays["weights"],
            "faces": _integers(arrays["f"], "f"),
        }
        return SmplAsset.from_tensors(
            {
                name: torch.from_numpy(np.ascontiguousarray(array, _native(array)))
                for name, array in tensors.items()
            }
        )
    except AssetError as error:
        raise AssetError(f"{path.name} is no SMPL body: {error}") from error


def _parents(table: Array) -> Array:
    """Row 0 of `kintree_table`; the root's parent there is -1 as an unsigned number."""
    if table.ndim != 2 or table.shape != (2, len(SMPL_24_PARENTS)):
        raise AssetError(
            f"kintree_table has the shape {table.shape}; SMPL has {len(SMPL_24_JOINT_NAMES)} "
            f"joints: {(2, len(SMPL_24_PARENTS))}"
        )
    parents = _integers(table[0], "kintree_table")
    parents[0] = -1
    if tuple(parents.tolist()) != SMPL_24_PARENTS:
        raise AssetError(f"kintree_table has the parents {parents.tolist()}; those of SMPL differ")
    return parents


def _integers(array: Array, name: str) -> Array:
    with np.errstate(invalid="ignore"):  # what is not finite is not equal either
        whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise AssetError(f"{name} holds numbers that are not whole")
    return whole


def _native(array: Array) -> np.dtype[np.generic]:
    return np.dtype(np.int64) if array.dtype.kind in "iu" else np.dtype(np.float64)
