"""Converts the licensed SMPL body from its pickle to a body asset.

Reads v1.0 (Python 2, chumpy), v1.1.0 (300 betas), the output of smplx's cleaning script, and the
same arrays in an NPZ file. The asset keeps SMPL's licence: research only, no redistribution.
"""

import argparse
import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from model.body.asset import SmplAsset, load_asset, save_asset
from model.body.metrics import check_metres
from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import AssetError, CheckpointError, InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.arguments import at_least, output_file
from training.assets.pickled_types import Array, to_array
from training.assets.unpickler import restricted_load
from training.engine.run import current_commit

PRIVATE = Path("private")
"""Folder of files that must not be redistributed; git and the Docker image ignore it."""
OPEN = Path(__file__).parents[2] / "checkpoints"
"""Folder of files under open licences; the Docker image holds it."""
LICENCE = "LicenseRef-SMPL-Body"
"""https://smpl.is.tue.mpg.de: non-commercial research only, no redistribution."""

MAX_ARRAY_BYTES = 2**29
"""The largest array of an SMPL file, 300 shape directions, has 0.05 GB."""
_SHOWN = 12
_MOTION = {"poses", "body_pose", "pose_body"}
"""Keys of files of motions and of fitted bodies."""
_OTHER_MODELS = {16: "MANO", 52: "SMPL-H", 55: "SMPL-X"}
"""Names of models by their number of joints."""
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training assets smpl`."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        required=True,
        metavar="SMPL_NEUTRAL.pkl",
        help="the file from https://smpl.is.tue.mpg.de; v1.0, v1.1.0, or cleaned of chumpy; or an "
        ".npz file of the same arrays",
    )
    parser.add_argument(
        "--out",
        type=output_file,
        metavar="FILE",
        help=f"default: the source's name in {PRIVATE}/, as {PRIVATE}/smpl_neutral.safetensors",
    )
    parser.add_argument(
        "--num-betas",
        type=at_least(1),
        metavar="N",
        help="keep only the first ones (default: all in the file)",
    )


def run(args: argparse.Namespace) -> int:
    """Convert; nothing is written if the file is refused."""
    out: Path = args.out or PRIVATE / f"{args.source.stem.lower()}.safetensors"
    refuse_open_places(out)
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
    save_asset(out, asset, header)
    print(
        f"Wrote {out}: {asset.v_template.shape[0]:,} vertices, {asset.num_betas} betas.\n"
        "It is under SMPL's licence: research only, no redistribution.\n"
        f"To serve it: HABITUS_BODY_ASSET={out} python -m app"
    )
    return 0


def refuse_open_places(out: Path) -> None:
    """Refuse to write a licensed body into the folder of open files, or over another file.

    Raises:
        InvalidInputError: `out` is in `checkpoints/`, or a file other than a licensed body.
    """
    if out.resolve().is_relative_to(OPEN.resolve()):
        raise InvalidInputError(
            f"{out} is in {OPEN.name}/, which is for files under open licences; write a licensed "
            f"body elsewhere, such as to {PRIVATE}/{out.name}"
        )
    if out.is_file() and not _is_licensed_body(out):
        raise InvalidInputError(
            f"{out} exists and is not a body under {LICENCE}; only such a file is replaced"
        )


def _is_licensed_body(path: Path) -> bool:
    try:
        header, _ = load_asset(path)
    except (CheckpointError, FileNotFoundError):  # the latter when it is a folder
        return False
    return header.licence == LICENCE


def read_smpl_pickle(path: Path, num_betas: int | None = None) -> SmplAsset:
    """Read the asset in an SMPL pickle.

    Args:
        path: The pickle, or an NPZ file of the same arrays; it may be hostile.
        num_betas: Number of betas to keep; None for all.

    Raises:
        FileNotFoundError: There is no such file.
        AssetError: The file is refused, or is not an SMPL body.
    """
    content = _content(path)
    if missing := [key for key in _KEYS if key not in content]:
        found = f"it holds {', '.join(sorted(content)[:_SHOWN])}" if content else "it is empty"
        if _MOTION & content.keys():
            found += ", the shape or motion of a person and not the model"
        raise AssetError(f"{path.name} lacks {', '.join(missing)}; it is not an SMPL body: {found}")
    try:
        arrays = {key: to_array(content[key], key) for key in _KEYS}
        tree = _parents(arrays["kintree_table"])
        for key in ("shapedirs", "posedirs"):
            arrays[key] = _directions(arrays[key], len(arrays["v_template"]))
        tensors = {
            "v_template": arrays["v_template"],
            "shapedirs": arrays["shapedirs"][..., :num_betas],
            "posedirs": arrays["posedirs"],
            "J_regressor": arrays["J_regressor"],
            "parents": tree,
            "lbs_weights": arrays["weights"],
            "faces": _integers(arrays["f"], "f"),
        }
        asset = SmplAsset.from_tensors(
            {
                name: torch.from_numpy(np.ascontiguousarray(array, _native(array)))
                for name, array in tensors.items()
            }
        )
        check_metres(asset.v_template.numpy(), "mean")
    except (AssetError, InvalidInputError) as error:
        raise AssetError(f"{path.name} is not an SMPL body: {error}") from error
    return asset


def _content(path: Path) -> Mapping[str, object]:
    """The content of the file by name."""
    if not path.is_file():
        raise FileNotFoundError(path)
    if zipfile.is_zipfile(path) and (arrays := _npz_content(path)):
        return arrays
    content = restricted_load(path)
    if not isinstance(content, Mapping):
        raise AssetError(f"{path.name} holds a {type(content).__name__}; a dictionary is needed")
    # Python 2 wrote names as bytes.
    return {
        name.decode("latin1") if isinstance(name, bytes) else str(name): value
        for name, value in content.items()
    }


def _npz_content(path: Path) -> dict[str, object]:
    """The arrays in `_KEYS` of an NPZ file, and the names of others; empty for another ZIP."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
        if not all(name.endswith(".npy") for name in sizes):
            return {}
        if (largest := max(sizes.values(), default=0)) > MAX_ARRAY_BYTES:
            raise AssetError(
                f"{path.name} has an array of {largest:,} bytes; {MAX_ARRAY_BYTES:,} are allowed"
            )
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] if name in _KEYS else None for name in arrays}
    except ValueError as error:
        raise AssetError(
            f"{path.name} holds Python objects or a damaged array; give the .pkl file: {error}"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, MemoryError) as error:
        raise AssetError(f"{path.name} is a damaged NPZ file: {error}") from error


def _directions(array: Array, num_vertices: int) -> Array:
    """(V, 3, K) from (V, 3, K), (3 V, K) or (K, 3 V)."""
    flat = 3 * num_vertices
    if array.ndim == 2 and array.shape[1] == flat != array.shape[0]:
        array = array.T
    return array.reshape(num_vertices, 3, -1) if array.shape[0] == flat else array


def _parents(table: Array) -> Array:
    """Row 0 of `kintree_table`, in which the root's parent is -1 as an unsigned number."""
    if table.ndim != 2 or table.shape != (2, len(SMPL_24_PARENTS)):
        other = _OTHER_MODELS.get(table.shape[-1], "another model")
        raise AssetError(
            f"kintree_table has the shape {table.shape}, as that of {other}; SMPL has "
            f"{len(SMPL_24_JOINT_NAMES)} joints: {(2, len(SMPL_24_PARENTS))}"
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
