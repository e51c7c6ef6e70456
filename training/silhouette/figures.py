"""A photo's confidence map as numbers and as pictures."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from model.silhouette.confidence import (
    sigma_for,
    silhouette_confidence,
    silhouette_mask,
    weight_image,
)
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import device, output_folder
from training.datasets.ccp import CcpPhoto, ClothingCoParsing
from training.datasets.evaluation_pictures import LabelledStreetPhotos
from training.datasets.photo import read_photo
from training.datasets.shader import read_rgba
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.reporting.calibration import NUM_BINS
from training.reporting.contact_sheet import Tile, contact_sheet
from training.reporting.evaluation import Measured
from training.reporting.scoring import Predictor
from training.silhouette.metrics import CONSTANT, DRESSED, NETWORK
from training.silhouette.photo_metrics import GARMENTS
from training.silhouette.summary import worst_photos, worst_rendered

CHECKPOINT = Path("checkpoints/silhouette.safetensors")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures silhouette`."""
    parser.add_argument("--image", type=Path, required=True, help="a photo, or a dressed picture")
    parser.add_argument(
        "--out", type=output_folder, required=True, metavar="DIR", help="where files go"
    )
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="(%(default)s)")
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="PNG",
        help="the naked RGBA picture of a rendered pair; --image is then its dressed RGBA picture",
    )
    parser.add_argument(
        "--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write `conf_pred.npy`, `figure.png` and `weighted.png`."""
    image = read_photo(args.image)
    truth = true_map(args.image, args.truth) if args.truth else None
    predictor = SilhouettePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    confidence = predictor.predict_batch([image])[0].confidence
    with replacing(args.out / "conf_pred.npy") as temporary:
        np.save(temporary, confidence, allow_pickle=False)
    weighted = (weight_image(image, confidence) * 255 + 0.5).astype(np.uint8)
    with replacing(args.out / "weighted.png") as temporary:
        Image.fromarray(weighted).save(temporary)
    with replacing(args.out / "figure.png") as temporary:
        draw(image, truth, confidence).savefig(temporary, dpi=150, bbox_inches="tight")
    written = "\n".join(str(args.out / n) for n in ("conf_pred.npy", "figure.png", "weighted.png"))
    sys.stdout.write(f"wrote\n{written}\n")
    return 0


def true_map(dressed: Path, naked: Path) -> np.ndarray:
    """The confidence map that the two silhouettes define.

    Raises:
        FileNotFoundError: One is not there.
        InvalidInputError: One has no alpha channel, or the sizes differ.
    """
    inside = silhouette_mask(read_rgba(naked))
    size = (inside.shape[0], inside.shape[1])
    return silhouette_confidence(inside, read_rgba(dressed), sigma_for(size))


def draw(image: np.ndarray, truth: np.ndarray | None, confidence: np.ndarray) -> Figure:
    """Side by side: the photo, the truth where it is known, the prediction."""
    panels: list[tuple[str, np.ndarray]] = [("dressed", image)]
    if truth is not None:
        panels.append(("true confidence", truth))
    panels.append(("predicted confidence", confidence))
    figure = Figure(figsize=(4 * len(panels), 4 * image.shape[0] / image.shape[1] + 0.4))
    for axes, (title, panel) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(panel, cmap="magma", vmin=0, vmax=1)
        axes.set_title(title)
        axes.set_axis_off()
    return figure


Report = Mapping[str, Any]

_COLOURS = {NETWORK: "#b63679", DRESSED: "#9aa0a6", CONSTANT: "#5f6368"}


def reliability_chart(calibration: Report) -> Figure:
    """Mean target over confidence, above how many pixels each bin holds; whole picture and cloth.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, figure 1.
    """
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, height_ratios=[3, 1])
    for column, (region, title) in enumerate((("picture", "whole picture"), ("cloth", "cloth"))):
        table = calibration[region]
        upper, lower = panels[0, column], panels[1, column]
        lefts = [row["above"] for row in table["bins"]]
        heights = [row["mean_target"] or 0.0 for row in table["bins"]]
        place: dict[str, Any] = {"width": 1 / NUM_BINS, "align": "edge", "edgecolor": "white"}
        upper.bar(lefts, heights, color=_COLOURS[NETWORK], **place)
        upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
        ece = table["ece"]
        upper.set_title(title if ece is None else f"{title}, expected calibration error {ece:.3f}")
        upper.set_ylabel("mean target")
        upper.set_ylim(0, 1)
        lower.bar(lefts, [row["pixels"] for row in table["bins"]], color=_COLOURS[DRESSED], **place)
        lower.set_yscale("symlog")
        lower.set_ylabel("pixels")
        lower.set_xlabel("predicted confidence")
    return figure


def errors_by_bin_chart(report: Report) -> Figure:
    """Error in cloth of the network and the baselines, a group of bars for each bin."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for panel, (name, title) in zip(
        axes, (("by_looseness", "clothes"), ("by_view", "view")), strict=True
    ):
        rows = report[name]
        places = np.arange(len(rows))
        for shift, (who, colour) in zip((-0.27, 0, 0.27), _COLOURS.items(), strict=True):
            errors = [row["scores"][who]["mae_cloth"] for row in rows]
            panel.bar(places + shift, errors, 0.25, label=who, color=colour)
        panel.set_xticks(places, [f"{row['name']}\n{row['pictures']} pictures" for row in rows])
        panel.set_title(title)
    axes[0].set_ylabel("mean absolute error in cloth")
    axes[0].legend(fontsize=8)
    return figure


OTHER, GARMENT, SKIN = (110, 110, 110), (70, 130, 220), (250, 190, 120)
"""Colours of labels; the background is black."""


def rendered_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst rendered pictures: picture, target, map.

    Args:
        predictor: Whose maps are shown.
        measured: The pictures and their scores.
    """
    tiles = []
    for place in worst_rendered(measured.scored):
        index, key, score = measured.scored[place]
        picture = measured.sample_set.samples[index]
        size = (picture.naked.shape[0], picture.naked.shape[1])
        target = silhouette_confidence(picture.naked, picture.dressed, sigma_for(size))
        (result,) = predictor.predict_batch([picture.image])
        panels = (picture.image, _magma(target), _magma(result.confidence))
        name = "/".join(key.split("/")[-3:])
        tiles.append(Tile(f"{name}: IoU {score.iou_body.network:.3f}", panels))
    return contact_sheet(tiles)


def photo_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst photos: photo, labels, map.

    Args:
        predictor: Whose maps are shown.
        measured: The photos and their scores.
    """
    photos: LabelledStreetPhotos = measured.sample_set.samples  # type: ignore[assignment]
    tiles = []
    for place in worst_photos(measured.scored):
        index, key, score = measured.scored[place]
        photo = photos[index]
        (result,) = predictor.predict_batch([photo.image])
        panels = (photo.image, _label_colours(photo, photos.dataset), _magma(result.confidence))
        caption = f"{key}: skin {score.skin:.2f}, background {score.background:.2f}"
        tiles.append(Tile(caption, panels))
    return contact_sheet(tiles)


def _magma(values: np.ndarray) -> np.ndarray:
    colours: np.ndarray = (colormaps["magma"](values)[..., :3] * 255).astype(np.uint8)
    return colours


def _label_colours(photo: CcpPhoto, dataset: ClothingCoParsing) -> np.ndarray:
    colours = np.full((len(dataset.label_names), 3), OTHER, np.uint8)
    for number, name in enumerate(dataset.label_names):
        if name in GARMENTS:
            colours[number] = GARMENT
    colours[dataset.label_id("skin")] = SKIN
    colours[dataset.label_id("null")] = 0
    shown: np.ndarray = colours[photo.labels]
    return shown
