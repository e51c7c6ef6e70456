"""`python -m training quantize silhouette`: the int8 network, and what it loses."""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

from model.backend.quantized import (
    ARCHITECTURE,
    MAX_LOSS_OF_IOU,
    QuantizedNetwork,
    quantized_path,
    save_quantized,
)
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least, output_file
from training.datasets.ccp import ClothingCoParsing
from training.datasets.evaluation_pictures import SyntheticPeople, SyntheticSettings
from training.datasets.splits import VALIDATION_SEED
from training.engine.quantization import quantized_model
from training.engine.run import current_commit
from training.silhouette.metrics import iou

DATA = "Clothing Co-Parsing (Apache-2.0), photos of the training split"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    checkpoint = Path("checkpoints/silhouette.safetensors")
    add("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
    add("--ccp", type=Path, required=True, help="Clothing Co-Parsing's folder: calibrates")
    add("--photos", type=at_least(1), default=150, help="to calibrate with (%(default)s)")
    add("--people", type=at_least(2), default=100, help="rendered, to measure by (%(default)s)")
    add("--out", type=output_file, help="(beside the checkpoint: name.int8.safetensors)")


def run(args: argparse.Namespace) -> int:
    """Quantize, measure, write."""
    network, side, header = SilhouettePredictor.load_network(args.checkpoint)
    photos = calibration_photos(ClothingCoParsing.open(args.ccp), args.photos)
    model = quantized_model(SilhouettePredictor, network, side, photos)
    part = TrainingPart(
        {
            "command": f"python -m training quantize silhouette --checkpoint {args.checkpoint} "
            f"--ccp {args.ccp} --photos {args.photos} --people {args.people}"
        },
        current_commit(),
        f"{DATA}: {len(photos)} to calibrate int8",
        0,
    )
    quantized = CheckpointHeader(
        ARCHITECTURE,
        {"of": header.sha256, "input_size": side},
        (*header.lineage, part),
        {},
        header.licence,
    )
    exact = SilhouettePredictor(network, side, dtype=torch.float32)
    narrow = SilhouettePredictor(network, side, quantized=QuantizedNetwork(model, quantized))
    metrics = losses(exact, narrow, SyntheticSettings(args.people, 1, seed=VALIDATION_SEED))
    out = args.out or quantized_path(args.checkpoint)
    save_quantized(out, model, dataclasses.replace(quantized, metrics=metrics))
    taken = metrics["loss_of_iou"] <= MAX_LOSS_OF_IOU
    sys.stdout.write(
        f"IoU {metrics['iou_float32']:.4f} in float32, {metrics['iou_int8']:.4f} in int8: a loss "
        f"of {metrics['loss_of_iou']:.4f}; `auto` takes int8 up to {MAX_LOSS_OF_IOU}: "
        f"{'taken' if taken else 'not taken'}\nwrote {out}\n"
    )
    return 0


def calibration_photos(dataset: ClothingCoParsing, count: int) -> list[np.ndarray]:
    """Photos of the training split, evenly spread over their numbers."""
    numbers = dataset.numbers_of("training")
    chosen = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    return [dataset.read(numbers[place]).image for place in chosen]


def losses(
    exact: SilhouettePredictor, narrow: SilhouettePredictor, people: SyntheticSettings
) -> dict[str, float]:
    """What int8 changes on rendered people of the validation seed.

    Returns:
        `iou_float32` and `iou_int8`, the mean IoU with the body; `loss_of_iou`, their difference;
        `mean_difference` of the maps, in confidence.
    """
    pictures = SyntheticPeople(people)
    rows = []
    for index in range(len(pictures)):
        picture = pictures[index]
        maps = [
            predictor.predict_batch([picture.image])[0].confidence for predictor in (exact, narrow)
        ]
        ious = [iou(found > 0.5, picture.naked) for found in maps]
        rows.append((*ious, float(np.abs(maps[0] - maps[1]).mean())))
    float32, int8, difference = np.mean(rows, axis=0).tolist()
    return {
        "iou_float32": float32,
        "iou_int8": int8,
        "loss_of_iou": float32 - int8,
        "mean_difference": difference,
    }
