"""How far estimates move when a part of the picture is hidden.

`--image` slides a square over one photo and draws a map of each joint's error; the square that
harms most is marked. Errors are against the estimate for the photo as it is: nobody knows the truth
of a photo. The photo should show one person and little else, as a crop does.

`--dataset` puts the square on each known joint of each person in turn, in a crop around the person,
and draws the mean error over all joints and people, by hidden joint, on a body in T-pose. Errors
are against the dataset's truth.

Every result is kept as soon as it is known: the same command goes on where it was stopped.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from model.body.predictor import BodyPredictor
from model.errors import InvalidInputError
from model.mesh_confidence.joints import JOINT_NAMES, to_joints
from training.arguments import at_least, device, output_folder
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.joint_photos import JointPhoto
from training.datasets.packed import evenly_spaced
from training.datasets.photo import read_photo
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.mesh_confidence.dataset_choice import DATASETS, add_root, open_dataset
from training.mesh_confidence.estimator_choice import ESTIMATORS, load_estimator
from training.mesh_confidence.estimators import Estimator
from training.mesh_confidence.occlusion import IMAGENET_MEAN, Occluder, hide_each_joint, slide
from training.mesh_confidence.person_crop import CROP_SIDE, crop_person, crop_whole
from training.mesh_confidence.sensitivity_figures import draw_body, draw_maps
from training.reporting.partial_results import PartialResults
from training.reporting.tables import csv_text, without_nan

UNHIDDEN = "nothing"
"""Name of the row in which no joint is hidden."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate sensitivity`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", type=Path, help="one photo")
    what.add_argument("--dataset", choices=tuple(DATASETS), help="people with known joints")
    add_root(parser)
    add("--estimator", choices=tuple(ESTIMATORS), default="keypoints", help="(%(default)s)")
    folder = Path("checkpoints")
    add("--checkpoints", type=Path, default=folder, metavar="DIR", help="(%(default)s)")
    add("--size", type=at_least(1), default=40, metavar="PX", help="of the square (%(default)s)")
    add("--stride", type=at_least(1), default=20, metavar="PX", help="of --image (%(default)s)")
    add(
        "--colour",
        type=int,
        nargs=3,
        default=IMAGENET_MEAN,
        metavar=("R", "G", "B"),
        help="0 to 255 (the mean of ImageNet)",
    )
    add(
        "--side",
        type=at_least(64),
        default=CROP_SIDE,
        metavar="PX",
        help="side of the square crop that is looked at (%(default)s)",
    )
    add("--limit", type=at_least(1), metavar="N", help="with --dataset: so many people at most")
    add("--batch-size", type=at_least(1), default=8, metavar="N", help="(%(default)s)")
    add("--out", type=output_folder, required=True, metavar="DIR", help="where results go")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Analyse one photo or a dataset."""
    if not all(0 <= value <= 255 for value in args.colour):
        raise InvalidInputError(f"--colour is {args.colour}; 0 to 255 are possible")
    red, green, blue = args.colour
    occluder = Occluder(args.size, args.stride, (red, green, blue))
    estimator = load_estimator(args.estimator, args.checkpoints, pick_device(args.device))
    if args.image is not None:
        return _one_photo(args, estimator, occluder)
    return _dataset(args, estimator, occluder)


def _one_photo(args: argparse.Namespace, estimator: Estimator, occluder: Occluder) -> int:
    image = crop_whole(read_photo(args.image), args.side)
    (truth,) = estimator.estimate([image])
    if not np.isfinite(truth).any():
        raise InvalidInputError(f"{args.image}: {estimator.name} finds nobody in the photo")
    stamp = _stamp(args, occluder, file_stamp(args.image))
    results = PartialResults(args.out / "rows", "image")
    rows = columns = len(occluder.positions(args.side))
    kept = {n: results.get(str(n), stamp) for n in range(rows * columns)}
    done = [number for number, errors in kept.items() if errors is not None]
    found = slide(estimator, image, truth, occluder, done, args.batch_size)
    total = rows * columns
    with tqdm(total=total, initial=len(done), desc="positions", unit="picture") as bar:
        for number, errors in found:
            kept[number] = without_nan(errors.tolist())
            results.append(str(number), stamp, kept[number])
            bar.update()
    maps = np.array([kept[n] for n in range(total)], float).reshape(rows, columns, -1)
    _write(args.out, "maps", maps, _map_rows(maps, occluder, estimator))
    _draw(args.out, draw_maps(image, maps, occluder, estimator.unit, estimator.name))
    return 0


def _map_rows(maps: np.ndarray, occluder: Occluder, estimator: Estimator) -> list[dict[str, Any]]:
    """For each joint the least and the largest error, and where the occluder harms most."""
    rows = []
    for joint, name in enumerate(JOINT_NAMES):
        one = maps[..., joint]
        row: dict[str, Any] = {"joint": name, "unit": estimator.unit}
        row |= {"least": float("nan"), "largest": float("nan"), "left": None, "top": None}
        if np.isfinite(one).any():
            down, across = np.unravel_index(np.nanargmax(one), one.shape)
            row |= {"least": float(np.nanmin(one)), "largest": float(np.nanmax(one))}
            row |= {"left": int(across) * occluder.stride, "top": int(down) * occluder.stride}
        rows.append(row)
    return rows


def _dataset(args: argparse.Namespace, estimator: Estimator, occluder: Occluder) -> int:
    body = BodyPredictor.from_checkpoint(args.checkpoints / "body_neutral.safetensors")
    dataset = open_dataset(args)
    people = evenly_spaced(dataset.photos, args.limit or len(dataset))
    if estimator.unit == "mm" and any(person.joints is None for person in people):
        raise InvalidInputError(
            f"{args.dataset} has no joints in metres, which {estimator.name} is compared with"
        )
    results = PartialResults(args.out / "rows", args.dataset)
    rows = []
    for person in tqdm(people, desc="people", unit="person"):
        stamp = _stamp(args, occluder, file_stamp(person.path))
        errors = results.get(person.key, stamp)
        if errors is None:
            errors = without_nan(_person(person, args.side, estimator, occluder).tolist())
            results.append(person.key, stamp, errors)
        rows.append(errors)
    found = np.array(rows, float)
    known = np.isfinite(found)
    means = np.where(known, found, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
    names = (*JOINT_NAMES, UNHIDDEN)
    table = [
        {"hidden": name, "unit": estimator.unit, "mean_error": float(mean), "people": int(count)}
        for name, mean, count in zip(names, means, known.sum(0), strict=True)
    ]
    _write(args.out, "errors", found, table)
    title = f"{estimator.name} on {len(people)} people of {args.dataset}"
    _draw(args.out, draw_body(body, means[:-1], estimator.unit, title))
    return 0


def _person(person: JointPhoto, side: int, estimator: Estimator, occluder: Occluder) -> np.ndarray:
    points = to_joints(person.points[None], person.key)[0]
    image, points = crop_person(person.image, points, side)
    if estimator.unit == "mm":
        assert person.joints is not None
        truth = to_joints(person.joints[None], person.key)[0]
    else:
        truth = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
    return hide_each_joint(estimator, image, points, truth, occluder)


def _stamp(args: argparse.Namespace, occluder: Occluder, files: str) -> str:
    settings = asdict(occluder) | {"estimator": args.estimator, "side": args.side, "files": files}
    checkpoints = sorted(args.checkpoints.glob("*.safetensors"))
    settings["checkpoints"] = [file_stamp(path) for path in checkpoints]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _write(out: Path, stem: str, array: np.ndarray, table: list[dict[str, Any]]) -> None:
    with replacing(out / f"{stem}.npy") as temporary:
        np.save(temporary, array, allow_pickle=False)
    text = csv_text(without_nan(table))
    write_text(out / "sensitivity.csv", text)
    sys.stdout.write(text)


def _draw(out: Path, figure: Figure) -> None:
    with replacing(out / "sensitivity.png") as temporary:
        figure.savefig(temporary, dpi=120)
    sys.stderr.write(f"the figure and the tables are in {out}\n")
