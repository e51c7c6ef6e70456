"""A photo's confidence map as numbers and as pictures."""

import argparse
import sys
from pathlib import Path

import numpy as np
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
from training.datasets.photo import read_photo
from training.datasets.shader import read_rgba
from training.engine.atomic import replacing
from training.engine.precision import pick_device

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
