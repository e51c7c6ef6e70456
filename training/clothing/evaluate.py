"""What clothing networks are measured on: photos with a label for every pixel, at their own size.

The baseline labels every pixel null.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image, ImageDraw
from tqdm import tqdm

from model.clothing.labels import GROUP_OF, GROUPED, LABELS, SCHEMES, LabelScheme
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor, ClothingSegmentation
from training.arguments import add_ccp
from training.clothing import report
from training.clothing.data import open_photos
from training.clothing.metrics import PhotoScore, score_photo
from training.datasets.ccp import CcpPhoto
from training.datasets.ccp_kaggle import LabelledPhotos
from training.datasets.evaluation_pictures import LabelledStreetPhotos
from training.engine.export import Export
from training.engine.quantization import Quantization
from training.reporting.contact_sheet import CAPTION_HEIGHT
from training.reporting.evaluation import Evaluation
from training.reporting.photo_figures import Drawing, PhotoFigures
from training.reporting.scoring import SampleSet, WorstSheet

ENTRY_WIDTH = 110
"""Of a label in a legend, in pixels."""


def sample_sets(
    args: argparse.Namespace,
    predictor: ClothingPredictor,  # noqa: ARG001
) -> list[SampleSet[Any]]:
    """The photos of the split."""
    dataset = open_photos(args.ccp)
    return [labelled_photos(LabelledStreetPhotos(dataset, args.split), dataset)]


def labelled_photos(photos: LabelledStreetPhotos, dataset: LabelledPhotos) -> SampleSet[CcpPhoto]:
    """Photos whose labels are compared with the predicted ones.

    Args:
        photos: To measure on.
        dataset: Whose training photos tell which labels are frequent.
    """

    def panels(photo: CcpPhoto, found: ClothingSegmentation) -> tuple[np.ndarray, ...]:
        return photo.image, GROUPED.decode(GROUP_OF[photo.labels]), GROUPED.decode(found.grouped)

    return SampleSet(
        "photos",
        "street photos",
        photos,
        PhotoScore,
        lambda photo, found: score_photo(photo.labels, found),
        lambda scored: report.clothing_report(scored, training_labels(dataset)),
        WorstSheet(
            lambda score: score.grouped_mean_iou,
            lambda one: f"{one.key}: mean IoU {one.score.grouped_mean_iou:.2f}",
            panels,
            functools.partial(with_legend, scheme=GROUPED),
        ),
    )


def training_labels(dataset: LabelledPhotos) -> np.ndarray:
    """(N, 59) pixels of each fine label in each photo that is learned from."""
    numbers = tqdm(dataset.numbers_of("training"), desc="labels learned from", unit="photo")
    labels = (dataset.read(number).labels.ravel() for number in numbers)
    return np.array([np.bincount(one, minlength=len(LABELS)) for one in labels])


def with_legend(picture: Image.Image, scheme: LabelScheme) -> Image.Image:
    """The picture, and below it the labels with their colours."""
    in_row = max(1, picture.width // ENTRY_WIDTH)
    height = CAPTION_HEIGHT + 4
    num_rows = -(-len(scheme) // in_row)
    sheet = Image.new("RGB", (picture.width, picture.height + num_rows * height + 4), "white")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for number, label in enumerate(scheme.labels):
        row, column = divmod(number, in_row)
        left, top = column * ENTRY_WIDTH + 4, picture.height + row * height + 4
        colour = tuple(scheme.colours[number].tolist())
        draw.rectangle((left, top, left + 12, top + 12), fill=colour, outline="black")
        draw.text((left + 18, top), label, fill="black")
    return sheet


EVALUATION = Evaluation(
    slug="clothing",
    architectures=(ARCHITECTURE,),
    version=2,
    batch_size=4,
    load=ClothingPredictor.from_checkpoint,
    configure_data=functools.partial(add_ccp, required=True),
    sample_sets=sample_sets,
    tables=report.tables,
    charts=report.charts,
    card=Path(__file__).with_name("card.md"),
    csv_parts=("fine_labels", "grouped_labels"),
)


class FoundLabel(NamedTuple):
    """A label that is somewhere in a photo."""

    label: str
    colour: tuple[float, float, float]
    """RGB in [0, 1]."""
    area: float
    """Share of the photo's pixels."""
    score: float
    """Mean probability over its pixels."""

    def __str__(self) -> str:
        """For a legend."""
        return f"{self.label} {100 * self.area:.1f} % ({self.score:.2f})"


def labels_found(ids: np.ndarray, scores: np.ndarray, scheme: LabelScheme) -> list[FoundLabel]:
    """Every label but null that some pixel has, the largest first.

    Args:
        ids: (H, W) uint8.
        scores: (H, W) float32, the probability of each pixel's label.
        scheme: Names and colours.
    """
    areas = np.bincount(ids.ravel())
    sums = np.bincount(ids.ravel(), scores.ravel())
    found = []
    for n in np.flatnonzero(areas[1:]) + 1:
        red, green, blue = (scheme.colours[n] / 255).tolist()
        area, score = areas[n] / ids.size, sums[n] / areas[n]
        found.append(FoundLabel(scheme.labels[n], (red, green, blue), float(area), float(score)))
    return sorted(found, key=lambda one: -one.area)


def configure_drawing(parser: argparse.ArgumentParser) -> None:
    """The option that only figures of clothing have."""
    parser.add_argument(
        "--scheme", choices=sorted(SCHEMES), default="grouped", help="(%(default)s)"
    )


def draw(
    args: argparse.Namespace, image: np.ndarray, result: ClothingSegmentation
) -> dict[str, Drawing]:
    """Side by side: the photo, its labels in their colours, and what the colours mean."""
    ids, scores = (getattr(result, f"{args.scheme}{part}") for part in ("", "_score"))
    scheme = SCHEMES[args.scheme]
    found = labels_found(ids, scores, scheme)
    for one in found:
        sys.stdout.write(f"{one}\n")
    height = 4 * image.shape[0] / image.shape[1] + 0.4
    figure = Figure(figsize=(11, max(height, 0.4 + 0.25 * len(found))), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes in panels:
        axes.set_axis_off()
    for axes, title, picture in zip(
        panels, ("photo", scheme.name), (image, scheme.decode(ids)), strict=False
    ):
        axes.imshow(picture)
        axes.set_title(title)
    patches = [Patch(facecolor=one.colour, edgecolor="black", label=str(one)) for one in found]
    title = "found: area (mean score)"
    panels[2].legend(handles=patches, loc="upper left", frameon=False, title=title)
    return {"figure.png": figure}


FIGURES = PhotoFigures("clothing", ClothingPredictor.from_checkpoint, configure_drawing, draw)
EXPORT = Export("clothing", ClothingPredictor)
QUANTIZATION = Quantization(EVALUATION, ClothingPredictor, report.quality)
