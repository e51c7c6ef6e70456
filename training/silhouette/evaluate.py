"""Measures a silhouette checkpoint on held-out people and photos, beside trivial baselines."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model.checkpoint import load_checkpoint, save_checkpoint
from model.errors import InvalidInputError
from model.silhouette.confidence import sigma_for, silhouette_confidence, silhouette_mask
from model.silhouette.predictor import ARCHITECTURE, SilhouettePredictor
from training.datasets.ccp import ClothingCoParsing
from training.datasets.shader import ShaderSubject, iter_subjects, read_pair
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.silhouette.card import silhouette_card
from training.silhouette.recipe import DataRecipe
from training.silhouette.scores import PhotoScores, RenderedScores
from training.silhouette.sources import is_held_out, spread

CHECKPOINT = Path("checkpoints/silhouette.safetensors")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate silhouette`."""
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="(%(default)s)")
    parser.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="DIR", help="SHADER-layout folders"
    )
    parser.add_argument("--ccp", type=Path, metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument(
        "--all-subjects",
        action="store_true",
        help="measure on every subject, for folders that were not trained on",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="so many pictures of each at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument(
        "--record",
        metavar="SENTENCE",
        help="write the numbers into the checkpoint's header and its card beside it; the sentence "
        "tells machine and hours of the training",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    if not args.data and args.ccp is None:
        raise InvalidInputError("nothing to measure on: give --data, --ccp, or both")
    predictor = SilhouettePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    report: dict[str, Any] = {"checkpoint": args.checkpoint.name}
    if args.data:
        fraction = 1.0 if args.all_subjects else _validation_fraction(predictor)
        frames = held_out_frames(args.data, fraction)
        chosen = spread(frames, args.limit or len(frames))
        report["rendered"] = measure_rendered(predictor, chosen)
        report["rendered_pictures"] = len(chosen)
        sys.stdout.write(rendered_table(report["rendered"], len(chosen)))
    if args.ccp is not None:
        dataset = ClothingCoParsing.open(args.ccp)
        numbers = dataset.validation_numbers()
        report["photos"] = measure_photos(
            predictor, dataset, spread(numbers, args.limit or len(numbers))
        )
        sys.stdout.write(photo_table(report["photos"]))
    if args.record is not None:
        record(args.checkpoint, report, args.record)
    if args.json:
        write_text(args.json, json.dumps(report, indent=2) + "\n")
    return 0


def record(path: Path, report: Mapping[str, Any], made_on: str) -> None:
    """Put a report into a checkpoint's header, and write its card.

    Raises:
        InvalidInputError: The report lacks rendered people or photos.
    """
    if "rendered" not in report or "photos" not in report:
        raise InvalidInputError("--record needs both --data and --ccp: the card shows both")
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    step = header.metrics.get("step")
    metrics = {name: value for name, value in report.items() if name != "checkpoint"}
    header = dataclasses.replace(header, metrics=metrics | {"step": step})
    save_checkpoint(path, tensors, header)
    data = header.recipe["data"]
    folders = " ".join(data["pairs"])
    options = f"--data {folders} --ccp {data['photos']}"
    card = silhouette_card(
        header,
        command=header.recipe["command"],
        measured_by=f"python -m training evaluate silhouette {options}",
        made_on=made_on,
    )
    write_text(path.with_suffix(".md"), card)


def held_out_frames(folders: list[Path], fraction: float) -> tuple[tuple[ShaderSubject, int], ...]:
    """The frames of held-out subjects.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no such frame.
    """
    frames = tuple(
        (subject, frame)
        for folder in folders
        for subject in iter_subjects(folder)
        if is_held_out(subject, fraction)
        for frame in subject.frames
    )
    if not frames:
        raise InvalidInputError(
            f"no held-out subject in {', '.join(map(str, folders))}; with --all-subjects every "
            "subject counts"
        )
    return frames


def measure_rendered(
    predictor: SilhouettePredictor, frames: tuple[tuple[ShaderSubject, int], ...]
) -> dict[str, dict[str, float]]:
    """Errors at the pictures' own resolution."""
    scores = RenderedScores()
    for subject, frame in tqdm(frames, desc="rendered people", unit="picture"):
        dressed, naked = read_pair(subject, frame)
        (result,) = predictor.predict_batch([np.ascontiguousarray(dressed[..., :3])])
        sigma = sigma_for((dressed.shape[0], dressed.shape[1]))
        target = silhouette_confidence(naked, dressed, sigma)
        scores.add(result.confidence, target, silhouette_mask(dressed), silhouette_mask(naked))
    return scores.summary()


def measure_photos(
    predictor: SilhouettePredictor, dataset: ClothingCoParsing, numbers: tuple[int, ...]
) -> dict[str, float]:
    """Confidence by label at the photos' own resolution."""
    scores = PhotoScores()
    skin, null = dataset.label_id("skin"), dataset.label_id("null")
    for number in tqdm(numbers, desc="street photos", unit="photo"):
        photo = dataset.read(number)
        (result,) = predictor.predict_batch([photo.image])
        scores.add(result.confidence, photo.labels == skin, photo.labels == null)
    return scores.summary()


def rendered_table(rows: Mapping[str, Mapping[str, float]], num_pictures: int) -> str:
    """The network beside the baselines."""
    lines = [f"{num_pictures} pictures of held-out people      error   in cloth    overlap"]
    lines += [
        f"{name:<38} {row['mean_error']:>8.4f} {row['cloth_error']:>10.4f} {row['overlap']:>10.4f}"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def photo_table(numbers: Mapping[str, float]) -> str:
    """Confidence by label."""
    return (
        f"{numbers['photos']:.0f} held-out street photos\n"
        f"median confidence on skin        {numbers['median_skin']:.3f}\n"
        f"median confidence on background  {numbers['median_background']:.3f}\n"
        f"person against background, AUROC {numbers['auroc']:.4f}\n"
    )


def _validation_fraction(predictor: SilhouettePredictor) -> float:
    """The share that the checkpoint's own training held out."""
    recipe = predictor.header.recipe if predictor.header else {}
    fraction = recipe.get("data", {}).get("validation_fraction", DataRecipe().validation_fraction)
    return float(fraction)
