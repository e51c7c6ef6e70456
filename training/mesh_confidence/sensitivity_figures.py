"""Figures of a sensitivity analysis.

R C positions of the occluder down and across, J = 14 joints.
"""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from model.body.predictor import BodyParameters, BodyPredictor
from model.mesh_confidence.colours import vertex_values
from model.mesh_confidence.joints import JOINT_NAMES
from training.body.drawing import draw_mesh
from training.mesh_confidence.occlusion import Occluder

MAP = "viridis"
"""Perceptually uniform, and in order for the colour-blind."""


def draw_maps(
    image: np.ndarray, maps: np.ndarray, occluder: Occluder, unit: str, title: str
) -> Figure:
    """A map of each joint's error by the place of the occluder, the worst place marked.

    Args:
        image: (S, S, 3) uint8.
        maps: (R, C, 14); NaN where the joint was not found.
        occluder: That was slid.
        unit: Of the errors.
        title: Of the figure.
    """
    figure = Figure(figsize=(15, 7), layout="constrained")
    figure.suptitle(f"{title}: error by the place of a {occluder.size} px occluder, in {unit}")
    known = maps[np.isfinite(maps)]
    norm = Normalize(0, float(known.max()) if known.size else 1.0)
    panels = figure.subplots(2, 7)
    side, reach = image.shape[0], occluder.stride / 2
    first, last = occluder.size / 2 - reach, (maps.shape[0] - 1) * occluder.stride
    extent = (first, first + last + 2 * reach, first + last + 2 * reach, first)
    for joint, (axes, name) in enumerate(zip(panels.ravel(), JOINT_NAMES, strict=True)):
        axes.imshow(image)
        axes.set_axis_off()
        one = maps[..., joint]
        label = name.replace("_", " ")
        if np.isfinite(one).any():
            axes.imshow(one, MAP, norm=norm, alpha=0.65, extent=extent, interpolation="bicubic")
            row, column = np.unravel_index(np.nanargmax(one), one.shape)
            corner = (int(column) * occluder.stride, int(row) * occluder.stride)
            mark: dict[str, Any] = {"fill": False, "edgecolor": "white", "linewidth": 2}
            axes.add_patch(Rectangle(corner, occluder.size, occluder.size, **mark))
            label += f"\n{np.nanmin(one):.1f} to {np.nanmax(one):.1f} {unit}"
        else:
            label += "\nnot found"
        axes.set(xlim=(0, side), ylim=(side, 0))
        axes.set_title(label, fontsize=9)
    figure.colorbar(ScalarMappable(norm, MAP), ax=panels, label=f"error in {unit}", shrink=0.8)
    return figure


def draw_body(body: BodyPredictor, errors: np.ndarray, unit: str, title: str) -> Figure:
    """A body in T-pose from the front and the back, coloured by the error when a joint is hidden.

    Args:
        body: The asset.
        errors: (14,); NaN where unknown, which is drawn as the mean.
        unit: Of the errors.
        title: Of the figure.
    """
    known = np.isfinite(errors)
    filled = np.where(known, errors, errors[known].mean() if known.any() else 0.0)
    (mesh,) = body.predict_batch([BodyParameters(np.zeros(1, np.float32))])
    values = vertex_values(filled, body.smpl.lbs_weights.float().cpu().numpy())
    norm = Normalize(float(filled.min()), float(max(filled.max(), filled.min() + 1e-6)))
    colours = colormaps[MAP](norm(values))[:, :3]
    figure = Figure(figsize=(10, 5), layout="constrained")
    figure.suptitle(f"{title}: mean error of all joints when this one is hidden, in {unit}")
    panels = figure.subplots(1, 2)
    for axes, azimuth, view in zip(panels, (0.0, 180.0), ("front", "back"), strict=True):
        draw_mesh(axes, mesh.vertices, body.faces, azimuth, colours)
        axes.set_title(view)
    figure.colorbar(ScalarMappable(norm, MAP), ax=panels, label=f"error in {unit}", shrink=0.8)
    return figure
