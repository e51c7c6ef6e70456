"""Judges the meshes of any regressor: SPIN, HMR 2.0 or another.

The file is NPZ or JSON and holds, for N meshes,

    projected  (N, K, 2)  joints of each mesh in its picture, in pixels
    detected   (N, L, 3)  a detector's keypoints there: x, y in pixels, and a score in [0, 1]
    crop       (N, 3)     optional: x, y of the centre and the side of a square around the person
    truth      (N, M, 2)  optional: the true joints; then the judgements are measured too

The numbers of points tell the skeletons: 14 (Leeds Sports Pose), 17 (COCO), 18 and 25 (OpenPose),
24 (SMPL), 33 (MediaPipe), 44 (HMR 2.0), 49 (SPIN). JSON may also be a list of objects, one a mesh.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import InvalidInputError
from model.mesh_confidence.features import MeshObservation, aligned_distances, crop_of
from model.mesh_confidence.joints import JOINT_NAMES, to_joints
from model.mesh_confidence.predictor import MeshConfidence, MeshConfidencePredictor
from training.arguments import device, output_file
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.mesh_confidence.metrics import joint_metrics, mesh_metrics, worst_metrics
from training.reporting.tables import csv_text, without_nan

COLUMNS = {"projected": 2, "detected": 3, "truth": 2}
REQUIRED = ("projected", "detected")
BATCH = 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate mesh-outputs`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    checkpoint = Path("checkpoints/mesh_confidence.safetensors")
    add = parser.add_argument
    add("--meshes", type=Path, required=True, metavar="FILE", help=".npz or .json, as above")
    add("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
    add("--out", type=output_file, metavar="CSV", help="a row a mesh (standard output)")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Judge every mesh, and measure the judgements where there is a truth."""
    arrays = read_meshes(args.meshes)
    predictor = MeshConfidencePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    observations = observe(arrays)
    judged: list[MeshConfidence] = []
    for start in range(0, len(observations), BATCH):
        judged += predictor.predict_batch(observations[start : start + BATCH])
    text = csv_text([_row(number, one) for number, one in enumerate(judged)])
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_text(args.out, text)
        sys.stderr.write(f"wrote {args.out}: {len(judged):,} meshes\n")
    if "truth" in arrays:
        found = measure(observations, judged, arrays["truth"])
        sys.stderr.write(json.dumps(without_nan(found), indent=2) + "\n")
    return 0


def read_meshes(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, float32.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is damaged, or its arrays are others.
    """
    content = _json(path) if path.suffix.lower() == ".json" else _npz(path)
    for name in REQUIRED:
        if name not in content:
            raise InvalidInputError(f"{path} holds {', '.join(sorted(content))}, and no {name}")
    arrays = {}
    for name in (*COLUMNS, "crop"):
        if name not in content:
            continue
        try:
            array = np.asarray(content[name], np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{path}: {name} is no array of numbers: {error}") from error
        wanted = (3,) if name == "crop" else (COLUMNS[name],)
        axes = 2 if name == "crop" else 3
        if array.ndim == axes - 1:
            array = array[None]
        if array.ndim != axes or array.shape[-1:] != wanted or not len(array):
            raise InvalidInputError(f"{path}: {name} has the shape {array.shape}")
        arrays[name] = array
    if len(numbers := {len(array) for array in arrays.values()}) > 1:
        raise InvalidInputError(
            f"{path}: the arrays are of {' and '.join(map(str, sorted(numbers)))} meshes"
        )
    return arrays


def _npz(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InvalidInputError(f"{path} cannot be read as NPZ: {error}") from error


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is not JSON: {error}") from error
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        names = set(content[0])
        if any(set(one) != names for one in content):
            raise InvalidInputError(f"{path}: the meshes have different fields")
        return {name: [one[name] for one in content] for name in names}
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path} holds neither an object nor a list of objects")
    return content


def observe(arrays: Mapping[str, np.ndarray]) -> list[MeshObservation]:
    """What each mesh is judged by.

    Raises:
        InvalidInputError: No known skeleton has so many points.
    """
    meshes = to_joints(arrays["projected"], "projected")
    keypoints = to_joints(arrays["detected"], "detected")
    crops = list(arrays["crop"]) if "crop" in arrays else [None] * len(meshes)
    return [MeshObservation(*parts) for parts in zip(meshes, keypoints, crops, strict=True)]


def measure(
    observations: list[MeshObservation], judged: list[MeshConfidence], truth: np.ndarray
) -> dict[str, float]:
    """How good judgements are.

    Args:
        observations: Of the meshes.
        judged: Their judgements.
        truth: (N, M, 2) true joints, in pixels.
    """
    meshes = np.stack([one.projected for one in observations])
    crops = [crop_of(one.projected) if one.crop is None else one.crop for one in observations]
    half = np.array([float(crop[2]) / 2 for crop in crops])
    errors = aligned_distances(meshes, to_joints(truth, "truth"), half)
    return (
        {"meshes": len(judged)}
        | mesh_metrics(np.array([one.mesh for one in judged]), errors)
        | worst_metrics(np.stack([one.worst for one in judged]), errors)
        | joint_metrics(np.stack([one.joints for one in judged]), errors)
    )


def _row(number: int, judged: MeshConfidence) -> dict[str, Any]:
    row: dict[str, Any] = {"mesh": number, "trust": judged.mesh, "good": int(judged.is_good)}
    row["worst"] = JOINT_NAMES[int(judged.worst.argmax())]
    return row | dict(zip(JOINT_NAMES, judged.joints.tolist(), strict=True))
