"""A photo with the garments found in it, or the curves of a run.

python -m training figures clothing --image photo.jpg --out clothing.png
python -m training figures clothing --run runs/clothing --out curves.png
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from model.clothing.labels import SCHEMES, LabelScheme
from model.clothing.predictor import ClothingPredictor
from training.arguments import device, output_file
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.reporting.curves import curves_figure

CHECKPOINT = Path("checkpoints/clothing.safetensors")


class Found(NamedTuple):
    """A label that is somewhere in a photo."""

    label: int
    area: float
    """Share of the photo's pixels."""
    score: float
    """Mean probability over its pixels."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures clothing`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    shown = parser.add_mutually_exclusive_group(required=True)
    shown.add_argument("--image", type=Path, help="a photo of a dressed person")
    shown.add_argument("--run", type=Path, metavar="DIR", help="a run's folder")
    parser.add_argument("--out", type=output_file, required=True, metavar="PNG", help="the figure")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="(%(default)s)")
    parser.add_argument(
        "--scheme", choices=sorted(SCHEMES), default="grouped", help="(%(default)s)"
    )
    parser.add_argument(
        "--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the figure; of a photo, print the labels too."""
    if args.run is not None:
        figure = curves_figure(args.run)
    else:
        image = read_photo(args.image)
        predictor = ClothingPredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
        (result,) = predictor.predict_batch([image])
        ids, scores = result.grouped, result.grouped_score
        if args.scheme == "fine":
            ids, scores = result.fine, result.fine_score
        scheme = SCHEMES[args.scheme]
        found = labels_found(ids, scores)
        figure = draw(image, ids, scheme, found)
        for one in found:
            sys.stdout.write(f"{_words(one, scheme)}\n")
    with replacing(args.out) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    sys.stdout.write(f"wrote {args.out}\n")
    return 0


def labels_found(ids: np.ndarray, scores: np.ndarray) -> list[Found]:
    """Every label but null that some pixel has, the largest first.

    Args:
        ids: (H, W) uint8.
        scores: (H, W) float32, the probability of each pixel's label.
    """
    areas = np.bincount(ids.ravel())
    sums = np.bincount(ids.ravel(), scores.ravel())
    there = [label for label in np.flatnonzero(areas).tolist() if label > 0]
    return sorted(
        (Found(n, float(areas[n] / ids.size), float(sums[n] / areas[n])) for n in there),
        key=lambda found: -found.area,
    )


def draw(image: np.ndarray, ids: np.ndarray, scheme: LabelScheme, found: list[Found]) -> Figure:
    """Side by side: the photo, its labels in their colours, and what the colours mean.

    Args:
        image: (H, W, 3) uint8 RGB.
        ids: (H, W) uint8.
        scheme: Names and colours.
        found: The labels to name.
    """
    height = 4 * image.shape[0] / image.shape[1] + 0.4
    figure = Figure(figsize=(11, max(height, 0.4 + 0.25 * len(found))), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, picture, title in zip(
        panels, (image, scheme.decode(ids)), ("photo", scheme.name), strict=False
    ):
        axes.imshow(picture)
        axes.set_title(title)
    for axes in panels:
        axes.set_axis_off()
    entries = [
        Patch(
            facecolor=scheme.colours[one.label] / 255, edgecolor="black", label=_words(one, scheme)
        )
        for one in found
    ]
    panels[2].legend(
        handles=entries, loc="upper left", frameon=False, title="found: area (mean score)"
    )
    return figure


def _words(found: Found, scheme: LabelScheme) -> str:
    return f"{scheme.labels[found.label]} {100 * found.area:.1f} % ({found.score:.2f})"
