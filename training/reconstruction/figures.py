"""python -m training figures reconstruction: the reference notebook's steps 5 to 8, with a network.

For every frame of a folder of `data synth`: the photo weighted by the confidence map, the body that
the regressor finds, and its vertex errors against the true body in T-pose. No true betas are used
but to compare with.

    OUT/results.csv, results_batch_summary.csv, gaps.csv    tables, as of `evaluate body`
    OUT/bodies-NN.png                                      photo, weighted, mesh; truth, found
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from model.body.predictor import BodyParameters, BodyPredictor
from model.reconstruction.predictor import PersonView
from model.reconstruction.result import Reconstruction
from model.silhouette.confidence import weight_image
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least, device, output_folder
from training.body.evaluate import evaluate
from training.body.figures import comparison_figure
from training.body.predictions import Predictions
from training.body.scoring import GENDERS, ScoringAsset
from training.datasets.packed import evenly_spaced
from training.datasets.shader import read_pair
from training.datasets.shader_truth import read_truth
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.reconstruction.drawing import overlay, project
from training.reconstruction.estimating import Estimator, body_of
from training.reconstruction.preparing import Picture, digest, list_pictures
from training.reconstruction.whole_way import WholeWay, reconstructed
from training.reporting.partial_results import PartialResults

CHECKPOINTS = Path("checkpoints")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a folder of `data synth`")
    add("--out", type=output_folder, required=True, metavar="DIR", help="folder to write to")
    add(
        "--checkpoint",
        type=Path,
        default=CHECKPOINTS / "reconstruction.safetensors",
        metavar="FILE",
        help="(%(default)s)",
    )
    add(
        "--silhouette",
        type=Path,
        default=CHECKPOINTS / "silhouette.safetensors",
        metavar="FILE",
        help="(%(default)s)",
    )
    add("--figures", type=at_least(0), default=6, metavar="N", help="frames to draw (%(default)s)")
    add("--batch-size", type=at_least(1), default=8, metavar="N", help="(%(default)s)")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Find bodies, compare them, write the tables, draw some."""
    target = pick_device(args.device)
    estimator = Estimator.from_checkpoint(args.checkpoint, target)
    whole_way = WholeWay(SilhouettePredictor.from_checkpoint(args.silhouette, target))
    pictures = list_pictures([args.data])
    found = find_betas(pictures, estimator, whole_way, args.out, args.batch_size)
    asset = ScoringAsset(body_of(args.checkpoint, estimator.regressor), estimator.body)
    compared = evaluate(args.data, Predictions(found), dict.fromkeys(GENDERS, asset))
    summary = compared.summary()
    for name, table in (
        ("results.csv", compared.results),
        ("results_batch_summary.csv", summary),
        ("gaps.csv", compared.gaps),
    ):
        write_text(args.out / name, table.to_csv(index=False, float_format="%.4f"))
    seen = [picture for picture in pictures if key_of(picture) in found]
    for number, picture in enumerate(evenly_spaced(seen, args.figures) if args.figures else ()):
        image = _image(picture)
        (view,) = whole_way.views([image])
        assert view is not None
        (body,) = reconstructed(estimator, [view], refine=False)
        truth = read_truth(picture.subject).betas
        path = args.out / f"bodies-{number:02d}.png"
        with replacing(path) as temporary:
            bodies_figure(view, body, truth, estimator.body).savefig(temporary, dpi=110)
    print(summary.round(2).to_string(index=False))
    sys.stderr.write(
        f"{len(found)} of {len(pictures)} frames; tables and figures are in {args.out}\n"
    )
    return 0


def find_betas(
    pictures: Sequence[Picture],
    estimator: Estimator,
    whole_way: WholeWay,
    out: Path,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """Betas by `batch/subject/frame`, of the frames in which somebody is found.

    What an earlier call of the same networks found is not looked for again.

    Args:
        pictures: Of one folder.
        estimator: Finds bodies.
        whole_way: Finds people.
        out: Keeps what is found.
        batch_size: Pictures at a time.

    Raises:
        InvalidInputError: A picture cannot be read.
    """
    assert estimator.header is not None
    assert whole_way.silhouettes.header is not None
    parts = (estimator.header.sha256, whole_way.silhouettes.header.sha256, digest(pictures))
    stamp = " ".join(part[:16] for part in parts)
    kept = PartialResults(out / "rows", "betas")
    missing = [picture for picture in pictures if kept.get(key_of(picture), stamp) is None]
    with tqdm(
        total=len(pictures), initial=len(pictures) - len(missing), desc="bodies", unit="picture"
    ) as bar:
        for batch in _batches(missing, batch_size):
            bodies = whole_way(estimator, [_image(picture) for picture in batch])
            for picture, body in zip(batch, bodies, strict=True):
                betas = [] if body is None else body.betas.tolist()
                kept.append(key_of(picture), stamp, betas)
                bar.update()
    betas = {key_of(picture): kept.get(key_of(picture), stamp) for picture in pictures}
    return {key: np.array(values) for key, values in betas.items() if values}


def key_of(picture: Picture) -> str:
    """As `training.body.predictions` names a frame."""
    return f"{picture.subject.key}/{picture.frame}"


def _image(picture: Picture) -> np.ndarray:
    dressed, _ = read_pair(picture.subject.folder, picture.frame)
    return np.ascontiguousarray(dressed[..., :3])


def _batches(pictures: Sequence[Picture], size: int) -> Iterator[Sequence[Picture]]:
    for start in range(0, len(pictures), size):
        yield pictures[start : start + size]


def bodies_figure(
    view: PersonView, body: Reconstruction, true_betas: np.ndarray, asset: BodyPredictor
) -> Figure:
    """The photo, weighted by the map, with the mesh over it; the true and the found body.

    Args:
        view: The person in the photo, with the map.
        body: That was found.
        true_betas: Of the person.
        asset: Of both.
    """
    assert view.confidence is not None
    pixels = project(body.vertices, body.focal_px, body.centre_px)
    panels: dict[str, Any] = {
        "photo": view.image,
        "weighted by the map": weight_image(view.image, view.confidence),
        "mesh over the photo": overlay(view.image, body.vertices, asset.faces, pixels),
    }
    shapes = [np.asarray(true_betas, np.float32), body.betas]
    truth, found = (
        mesh.vertices for mesh in asset.predict_batch([BodyParameters(b) for b in shapes])
    )
    figure = comparison_figure(asset.faces, found, truth)
    figure.set_size_inches(14, 8)
    whole = figure.add_gridspec(2, 3)
    for axes, place in zip(list(figure.axes[:3]), range(3), strict=True):
        axes.set_subplotspec(whole[1, place])
    for place, (title, picture) in enumerate(panels.items()):
        axes = figure.add_subplot(whole[0, place])
        axes.imshow(picture)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    return figure
