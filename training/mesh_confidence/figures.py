"""Draws a person side by side: photo, keypoints, mesh, and the mesh coloured by trust.

The person is the largest one in --photo, or number --image of a dataset in its own layout (of 3DPW,
3DOH50K and Human3.6M the one whose joints are annotated).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from model.errors import InvalidInputError
from model.mesh_confidence.colours import trust_colours, vertex_values
from model.mesh_confidence.joints import JOINT_NAMES
from model.mesh_confidence.predictor import MeshConfidence, MeshConfidencePredictor
from model.reconstruction.result import Reconstruction
from training.arguments import at_least, device, output_file
from training.body.drawing import draw_mesh
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.mesh_confidence.dataset_choice import DATASETS, add_root, open_dataset
from training.mesh_confidence.our_reconstruction import OurReconstruction, Reconstructed, pixels

BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 12), (12, 9), (9, 10), (10, 11)),
    *((12, 13), (8, 2), (9, 3)),
)
"""Pairs of the 14 joints."""
LEAST_SCORE = 0.05
"""Keypoints with a lower score are not drawn."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures mesh_confidence`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--photo", type=Path, metavar="FILE", help="a photo of a person")
    what.add_argument("--dataset", choices=tuple(DATASETS), help="with --image and --root")
    add_root(parser)
    add("--image", type=at_least(0), default=0, metavar="N", help="of the dataset (%(default)s)")
    folder = Path("checkpoints")
    add("--checkpoints", type=Path, default=folder, metavar="DIR", help="(%(default)s)")
    add("--out", type=output_file, required=True, metavar="PNG", help="the figure")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Reconstruct, judge and draw one person."""
    points = None
    if args.photo is not None:
        image, name = read_photo(args.photo), args.photo.name
    else:
        photos = open_dataset(args)
        if args.image >= len(photos):
            raise InvalidInputError(
                f"{args.dataset} has {len(photos)} people; --image counts from 0"
            )
        person = photos[args.image]
        image, name, points = person.image, f"{args.dataset} {person.key}", person.points
    where = pick_device(args.device)
    ours = OurReconstruction.load(args.checkpoints, where)
    judge = MeshConfidencePredictor.from_checkpoint(
        args.checkpoints / "mesh_confidence.safetensors", where
    )
    (found,) = ours([image], [points])
    if found is None:
        raise InvalidInputError(f"nobody was found in {name}")
    (judged,) = judge.predict_batch([found.observation])
    figure = draw(image, found, judged, ours, name)
    with replacing(args.out) as temporary:
        figure.savefig(temporary, dpi=150)
    worst = JOINT_NAMES[int(judged.worst.argmax())].replace("_", " ")
    sys.stdout.write(
        f"trust in the mesh {judged.mesh:.2f}, worst joint {worst}; wrote {args.out}\n"
    )
    return 0


def draw(
    image: np.ndarray,
    found: Reconstructed,
    judged: MeshConfidence,
    ours: OurReconstruction,
    name: str,
) -> Figure:
    """Four panels: photo, keypoints, mesh, coloured mesh with its legend."""
    figure = Figure(figsize=(16, 5.5), layout="constrained")
    verdict = "good" if judged.is_good else "not good"
    figure.suptitle(f"{name}: trust in the mesh {judged.mesh:.2f} ({verdict})")
    panels = figure.subplots(1, 4)
    for axes, title in zip(panels, ("photo", "keypoints", "mesh", "trust"), strict=True):
        _show(axes, image)
        axes.set_axis_off()
        axes.set_title(title)
    _draw_keypoints(panels[1], found.observation.detected)
    weights = ours.regressor.body.smpl.lbs_weights.float().cpu().numpy()
    colours = trust_colours(vertex_values(judged.joints, weights)) / 255
    for axes, painted in ((panels[2], None), (panels[3], colours)):
        _draw_body(axes, image, found.body, ours.regressor.body.faces, painted)
    steps = ListedColormap(trust_colours(np.linspace(0, 1, 256)) / 255)
    figure.colorbar(ScalarMappable(Normalize(0, 1), steps), ax=panels, label="trust", shrink=0.8)
    return figure


def _show(axes: Axes, image: np.ndarray) -> None:
    """A photo with y up: a pixel's row is the negative of its y, as a mesh is drawn."""
    height, width = image.shape[:2]
    axes.imshow(image, extent=(0, width, -height, 0))


def _draw_keypoints(axes: Axes, detected: np.ndarray) -> None:
    places = detected[:, :2] * [1, -1]
    shown = detected[:, 2] >= LEAST_SCORE
    for one, other in BONES:
        if shown[one] and shown[other]:
            axes.plot(*places[[one, other]].T, color="white", linewidth=1)
    axes.scatter(
        *places[shown].T, c=detected[shown, 2], cmap="viridis", vmin=0, vmax=1, s=14, zorder=3
    )


def _draw_body(
    axes: Axes,
    image: np.ndarray,
    body: Reconstruction,
    faces: np.ndarray,
    colours: np.ndarray | None,
) -> None:
    """A body over its photo."""
    height, width = image.shape[:2]
    seen = pixels(body.vertices, body)
    # As large along the line of sight as across, so that the light falls as it should.
    scale = body.focal_px / float(body.vertices[:, 2].mean())
    placed = np.column_stack([seen[:, 0], -seen[:, 1], -body.vertices[:, 2] * scale])
    draw_mesh(axes, placed, faces, colours=colours)
    axes.set(xlim=(0, width), ylim=(-height, 0))
