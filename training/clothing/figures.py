"""A photo with the garments found in it, or the curves of a run.

python -m training figures clothing --image photo.jpg --out clothing.png
python -m training figures clothing --run runs/clothing --out curves.png
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image, ImageDraw

from model.clothing.labels import GROUP_OF, GROUPED, SCHEMES, LabelScheme
from model.clothing.predictor import ClothingPredictor
from training.arguments import device, output_file
from training.clothing.metrics import Confusion
from training.clothing.report import worst_photos
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.reporting.contact_sheet import CAPTION_HEIGHT, Tile, contact_sheet
from training.reporting.curves import curves_figure
from training.reporting.evaluation import Measured
from training.reporting.scoring import Predictor

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


WRITTEN_OUT = 25
"""Up to so many labels each number is written into its square."""


def confusion_chart(confusion: Confusion, names: Sequence[str]) -> Figure:
    """Of each true label's pixels (row), the shares that are given each label (column).

    Labels that are neither in the truth nor in the prediction are left out; a row is empty where
    the label is only predicted.

    Args:
        confusion: Of all photos.
        names: Of the labels.
    """
    shown = np.flatnonzero((confusion.true_pixels + confusion.predicted_pixels) > 0)
    counts = confusion.counts[np.ix_(shown, shown)]
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    labels = [names[label] for label in shown.tolist()]
    side = 2.5 + 0.3 * len(labels)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="magma", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("share of each true label's pixels", fontsize=10)
    figure.colorbar(drawn, ax=axes, shrink=0.7)
    if len(labels) <= WRITTEN_OUT:
        for row, column in np.argwhere(shares >= 0.005).tolist():
            share = shares[row, column]
            colour = "black" if share > 0.6 else "white"
            words = f"{100 * share:.0f}"
            axes.text(column, row, words, ha="center", va="center", fontsize=6, color=colour)
    return figure


ENTRY_WIDTH = 110
"""Of a label in the legend, in pixels."""


def worst_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst photos: photo, labels, prediction; below them the colours of the groups in them.

    Args:
        predictor: Whose maps are shown.
        measured: The photos and their scores.
    """
    tiles, shown = [], set()
    for place in worst_photos(measured.scored):
        index, key, score = measured.scored[place]
        photo = measured.sample_set.samples[index]
        truth = GROUP_OF[photo.labels]
        (result,) = predictor.predict_batch([photo.image])
        shown |= {*np.unique(truth).tolist(), *np.unique(result.grouped).tolist()}
        panels = (photo.image, GROUPED.decode(truth), GROUPED.decode(result.grouped))
        tiles.append(Tile(f"{key}: mean IoU {score.grouped.mean_iou():.2f}", panels))
    return with_legend(contact_sheet(tiles), GROUPED, sorted(shown))


def with_legend(picture: Image.Image, scheme: LabelScheme, ids: Iterable[int]) -> Image.Image:
    """The picture, and below it colours with their labels.

    Args:
        picture: RGB.
        scheme: Names and colours.
        ids: Of the labels that are named.
    """
    entries = list(ids)
    in_row = max(1, picture.width // ENTRY_WIDTH)
    num_rows = -(-len(entries) // in_row)
    height = picture.height + num_rows * (CAPTION_HEIGHT + 4) + 4
    sheet = Image.new("RGB", (picture.width, height), "white")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for number, label in enumerate(entries):
        row, column = divmod(number, in_row)
        left = column * ENTRY_WIDTH + 4
        top = picture.height + row * (CAPTION_HEIGHT + 4) + 4
        colour = tuple(scheme.colours[label].tolist())
        draw.rectangle((left, top, left + 12, top + 12), fill=colour, outline="black")
        draw.text((left + 18, top), scheme.labels[label], fill="black")
    return sheet
