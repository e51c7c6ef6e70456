"""Figures of bodies: one from betas, or a predicted body beside the true one."""

import argparse
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from model.body.metrics import (
    MM_PER_METRE,
    check_metres,
    max_error_mm,
    mean_error_mm,
    vertex_distances,
)
from model.body.predictor import BodyParameters, BodyPredictor
from model.errors import InvalidInputError
from training.arguments import output_file
from training.assets.body import DEFAULT_OUT as DEFAULT_ASSET
from training.assets.pickled_types import to_array
from training.assets.unpickler import restricted_load
from training.body.drawing import Array, draw_mesh
from training.body.predictions import check_betas, length_change
from training.engine.atomic import replacing

logger = logging.getLogger(__name__)

_FORMS = (
    "betas as JSON (a list, or an object with `betas`), betas (N,) or vertices (V, 3) as NPY, or a "
    "SHADER gt*.pkl"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures body`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--betas", type=float, nargs="+", metavar="B", help="draw the body with these betas"
    )
    what.add_argument("--predicted", type=Path, metavar="FILE", help=f"{_FORMS}; needs --truth")
    parser.add_argument("--truth", type=Path, metavar="FILE", help=_FORMS)
    parser.add_argument(
        "--out", type=output_file, default="body.png", help="PNG to write (default: %(default)s)"
    )
    parser.add_argument(
        "--asset",
        type=Path,
        metavar="FILE",
        help=f"body asset that the betas belong to (default: {DEFAULT_ASSET}; none for a gt*.pkl)",
    )
    parser.set_defaults(wrong_usage=parser.error)


def run(args: argparse.Namespace) -> int:
    """Draw one of the two figures."""
    if (args.predicted is None) != (args.truth is None):
        args.wrong_usage("--predicted and --truth are needed together")
    files = [path for path in (args.predicted, args.truth) if path is not None]
    if args.asset is None and any(path.suffix.lower() == ".pkl" for path in files):
        args.wrong_usage(
            "a SHADER gt*.pkl holds betas of SMPL's male or female model: give its asset with "
            "--asset"
        )
    body = BodyPredictor.from_checkpoint(args.asset or DEFAULT_ASSET)
    if args.betas is not None:
        figure = mesh_figure(body, check_betas(args.betas, "--betas"))
    else:
        predicted, truth = (read_vertices(path, body) for path in (args.predicted, args.truth))
        figure = comparison_figure(body.faces, predicted, truth)
    with replacing(args.out) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    print(f"Wrote {args.out}")
    return 0


def mesh_figure(body: BodyPredictor, betas: Array) -> Figure:
    """A body in T-pose from the front, at 40 degrees, and from its left."""
    vertices = _t_pose(body, betas, "--betas")
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    widths = [np.ptp(vertices[:, 0]), 0.8 * np.ptp(vertices[:, 0]), 0.6]
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": widths})
    for axes, azimuth_deg, title in zip(
        panels, (0, 40, 90), ("front", "three quarters", "left"), strict=True
    ):
        draw_mesh(axes, vertices, body.faces, azimuth_deg)
        axes.set_title(title, fontsize=9)
    shown = ", ".join(f"{beta:g}" for beta in betas)
    height = np.ptp(vertices[:, 1])
    figure.suptitle(f"betas [{shown}]: {height:.2f} m tall", fontsize=10)
    return figure


def comparison_figure(faces: Array, predicted: Array, truth: Array) -> Figure:
    """Truth, prediction, and the prediction coloured by the distance from the truth.

    Raises:
        InvalidInputError: The meshes have another topology than `faces`, or than each other.
    """
    distances = vertex_distances(predicted, truth) * MM_PER_METRE
    if len(truth) <= faces.max():
        raise InvalidInputError(
            f"the meshes have {len(truth)} vertices; the asset's triangles need {faces.max() + 1}"
        )
    scale = ScalarMappable(Normalize(0, max(distances.max(), 1e-3)), colormaps["viridis"])
    figure = Figure(figsize=(14, 4.5), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, vertices, colours, title in (
        (panels[0], truth, None, "ground truth"),
        (panels[1], predicted, None, "predicted"),
        (panels[2], predicted, scale.to_rgba(distances)[:, :3], "distance of each vertex"),
    ):
        draw_mesh(axes, vertices, faces, colours=colours)
        axes.set_title(title, fontsize=9)
    figure.colorbar(scale, ax=panels[2], label="mm", shrink=0.8)
    figure.suptitle(
        f"vertex error: mean {mean_error_mm(predicted, truth):.1f} mm, "
        f"max {max_error_mm(predicted, truth):.1f} mm"
    )
    return figure


def read_vertices(path: Path, body: BodyPredictor) -> Array:
    """The vertices (V, 3) in a file, or those of its betas in T-pose.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It holds neither vertices in metres nor betas.
        AssetError: It is a pickle and refused.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    match path.suffix.lower():
        case ".json":
            values = _read_json(path)
        case ".npy":
            values = _read_npy(path)
        case ".pkl":
            values = _named_betas(restricted_load(path), path, ("shape", "betas"))
            values = to_array(values, path.name).ravel()
        case _:
            raise InvalidInputError(f"{path.name} is none of: {_FORMS}")
    if isinstance(values, np.ndarray) and values.ndim == 2:
        check_metres(values, path.name)
        return values
    return _t_pose(body, check_betas(values, path.name), path.name)


def _t_pose(body: BodyPredictor, betas: Array, name: str) -> Array:
    if len(betas) != body.num_betas:
        logger.warning("%s has %s", name, length_change(len(betas), body.num_betas))
    (mesh,) = body.predict_batch([BodyParameters(betas.astype(np.float32))])
    return mesh.vertices


def _read_json(path: Path) -> object:
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{path.name} is not readable JSON: {error}") from error
    return content if isinstance(content, list) else _named_betas(content, path, ("betas",))


def _read_npy(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInputError(f"{path.name} is not a readable NPY file: {error}") from error
    if values.dtype.kind not in "iuf":
        raise InvalidInputError(f"{path.name} holds {values.dtype}; numbers are needed")
    return values.astype(np.float64)


def _named_betas(content: object, path: Path, names: tuple[str, ...]) -> object:
    if isinstance(content, Mapping):
        for name in names:
            if name in content:
                return content[name]
    raise InvalidInputError(f"{path.name} holds no {' or '.join(names)}")
