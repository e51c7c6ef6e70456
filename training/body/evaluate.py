"""Vertex errors of predicted betas over a SHADER folder, for each frame and each batch.

The predicted and the true mesh are made with the asset of the subject's gender and in the same
pose, the T-pose or with `--posed` the frame's true pose. The error is therefore that of the shape.
The errors of the mean body (all betas zero) are the baseline.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from model.body.metrics import max_error_mm, mean_error_mm, pve_t_sc_mm
from model.body.predictor import BodyParameters, BodyPredictor
from model.errors import InvalidInputError
from training.arguments import device, output_folder
from training.body.predictions import Predictions, length_change, read_predictions
from training.body.scoring import (
    ScoringAsset,
    add_asset_options,
    load_assets,
    refuse_missing_assets,
)
from training.datasets.shader import ShaderSubject, iter_subjects
from training.datasets.shader_truth import ShaderTruth, read_truth, truth_path
from training.engine.atomic import write_text

MEAN, MAX = "mean_vertex_error_mm", "max_vertex_error_mm"
BASELINE_MEAN, BASELINE_MAX = "mean_body_mean_vertex_error_mm", "mean_body_max_vertex_error_mm"
NO_PREDICTION = "no prediction"

_SHOWN = 20
_GAP_COLUMNS = ["batch", "subject", "frame", "reason"]
_Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """The errors of predictions on a dataset."""

    results: pd.DataFrame
    """A row for each compared frame, errors in millimetres."""
    gaps: pd.DataFrame
    """A row for each other frame, with the reason."""
    unused: tuple[str, ...]
    """Predictions that belong to no frame of the dataset."""
    changed_lengths: tuple[str, ...] = ()
    """A line for each number of betas that was padded or cut to that of the asset."""

    @property
    def num_missing(self) -> int:
        """Frames without a prediction."""
        return int((self.gaps["reason"] == NO_PREDICTION).sum())

    def summary(self) -> pd.DataFrame:
        """Mean and standard deviation of the errors in each batch, with the asset."""
        by_batch = self.results.groupby("batch")
        table = by_batch[[MEAN, MAX, BASELINE_MEAN, BASELINE_MAX]].agg(["mean", "std"])
        table.columns = table.columns.to_flat_index().map("_".join)
        table.insert(0, "asset", by_batch["asset"].first())
        table.insert(0, "num_frames", by_batch.size())
        table.insert(0, "num_subjects", by_batch["subject"].nunique())
        return table.reset_index()


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate body`."""
    parser.add_argument("--data", type=Path, required=True, help="a SHADER folder")
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        help="CSV (batch,subject[,frame],beta_0,...), or JSON or NPZ with betas under "
        '"batch/subject" or "batch/subject/frame"',
    )
    parser.add_argument(
        "--out", type=output_folder, required=True, help="folder for the result tables"
    )
    add_asset_options(parser)
    parser.add_argument("--device", type=device, default="cpu", help="default: cpu")
    parser.add_argument(
        "--posed",
        action="store_true",
        help="compare in the frame's true pose instead of the T-pose",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="exit with 0 even if frames have no prediction",
    )


def run(args: argparse.Namespace) -> int:
    """Write results.csv, results_batch_summary.csv and gaps.csv, and print the summary."""
    predictions = read_predictions(args.predictions)
    assets = load_assets(args)
    evaluation = evaluate(args.data, predictions, assets, args.posed)
    summary = evaluation.summary()
    for name, table in (
        ("results.csv", evaluation.results),
        ("results_batch_summary.csv", summary),
        ("gaps.csv", evaluation.gaps),
    ):
        write_text(args.out / name, table.to_csv(index=False, float_format="%.4f"))
    print(summary.round(2).to_string(index=False), end="\n\n")
    for gender, asset in assets.items():
        print(f"Betas of {gender} subjects belong to {asset}")
    results = evaluation.results
    print(
        f"All {len(results)} frames: mean vertex error {results[MEAN].mean():.2f} mm, largest "
        f"{results[MAX].max():.2f} mm (mean body: {results[BASELINE_MEAN].mean():.2f} mm, "
        f"{results[BASELINE_MAX].max():.2f} mm)\nTables are in {args.out}; draw two bodies with\n"
        "  python -m training figures body --predicted FILE --truth FILE --asset FILE"
    )
    _report_gaps(evaluation)
    return 1 if evaluation.num_missing and not args.allow_missing else 0


def evaluate(
    root: Path,
    predictions: Predictions,
    assets: Mapping[str, ScoringAsset],
    posed: bool = False,
) -> Evaluation:
    """Compare every frame of every subject of every batch.

    Args:
        root: A SHADER folder.
        predictions: Betas of its subjects or frames.
        assets: By gender.
        posed: Whether to compare in the frame's true pose.

    Raises:
        FileNotFoundError: The folder does not exist.
        InvalidInputError: It is not a SHADER folder, a subject has no asset, or no frame can be
            compared.
        AssetError: A ground truth is damaged.
    """
    rows: list[_Row] = []
    gaps: list[_Row] = []
    used: set[str] = set()
    subjects = list(iter_subjects(root))
    refuse_missing_assets(subjects, assets)
    print(
        f"comparing {len(predictions.betas)} predictions with {len(subjects)} subjects of {root} "
        f"in {'their true poses' if posed else 'T-pose'}",
        file=sys.stderr,
    )
    lengths: Counter[tuple[str, int, int]] = Counter()
    for subject in tqdm(subjects, desc="subjects", unit="subject"):
        truth = read_truth(subject) if truth_path(subject) else None
        compared: list[tuple[int, str]] = []
        for frame in subject.frames:
            name = predictions.name_for(subject.batch, subject.name, frame)
            if name is not None:
                used.add(name)
            if truth is None:
                gaps.append(_row(subject, frame, reason="no ground truth"))
            elif frame >= len(truth.poses):
                gaps.append(_row(subject, frame, reason="no such frame in the ground truth"))
            elif name is None:
                gaps.append(_row(subject, frame, reason=NO_PREDICTION))
            else:
                compared.append((frame, name))
        if truth is not None:
            asset = assets[subject.gender]
            rows += _subject_rows(subject, truth, compared, predictions, asset, posed)
            num_betas = asset.predictor.num_betas
            lengths["ground truths", len(truth.betas), num_betas] += 1
            for name in {name for _, name in compared}:
                lengths["predictions", len(predictions.betas[name]), num_betas] += 1
    if not rows:
        reasons = ", ".join(sorted({gap["reason"] for gap in gaps})) or "no frames"
        if any(gap["reason"] == NO_PREDICTION for gap in gaps):
            wanted = next(gap for gap in gaps if gap["reason"] == NO_PREDICTION)
            reasons += (
                f"; predictions have names such as {next(iter(predictions.betas))}, "
                f"frames such as {wanted['batch']}/{wanted['subject']}/{wanted['frame']}"
            )
        raise InvalidInputError(f"no frame of {root} can be compared: {reasons}")
    return Evaluation(
        pd.DataFrame(rows),
        pd.DataFrame(gaps, columns=_GAP_COLUMNS),
        tuple(sorted(predictions.betas.keys() - used)),
        tuple(
            f"{count} {what} have {length_change(given, asset)}"
            for (what, given, asset), count in sorted(lengths.items())
            if given != asset
        ),
    )


def _subject_rows(
    subject: ShaderSubject,
    truth: ShaderTruth,
    compared: list[tuple[int, str]],
    predictions: Predictions,
    asset: ScoringAsset,
    posed: bool,
) -> Iterator[_Row]:
    # In T-pose, all frames with the same prediction have the same errors.
    in_t_pose: dict[str, _Row] = {}
    for frame, name in compared:
        betas = (predictions.betas[name], truth.betas, np.zeros(1))
        if name not in in_t_pose:
            meshes = _vertices(asset.predictor, betas, np.zeros(72))
            in_t_pose[name] = {
                **_errors(*meshes),
                "pve_t_sc_mm": pve_t_sc_mm(meshes[0], meshes[1]),
            }
        row = dict(in_t_pose[name])
        if posed:
            row |= _errors(*_vertices(asset.predictor, betas, truth.poses[frame]))
        yield _row(subject, frame, asset=asset.path.name, **row)


def _vertices(
    body: BodyPredictor, shapes: tuple[np.ndarray, ...], pose: np.ndarray
) -> list[np.ndarray]:
    rotations = pose.reshape(24, 3).astype(np.float32)
    items = [
        BodyParameters(betas.astype(np.float32), rotations[1:], rotations[0]) for betas in shapes
    ]
    return [mesh.vertices for mesh in body.predict_batch(items)]


def _errors(predicted: np.ndarray, truth: np.ndarray, mean_body: np.ndarray) -> _Row:
    return {
        MEAN: mean_error_mm(predicted, truth),
        MAX: max_error_mm(predicted, truth),
        BASELINE_MEAN: mean_error_mm(mean_body, truth),
        BASELINE_MAX: max_error_mm(mean_body, truth),
    }


def _row(subject: ShaderSubject, frame: int, **values: Any) -> _Row:
    return {"batch": subject.batch, "subject": subject.name, "frame": frame, **values}


def _report_gaps(evaluation: Evaluation) -> None:
    for line in evaluation.changed_lengths:
        print(line, file=sys.stderr)
    for reason, gaps in evaluation.gaps.groupby("reason"):
        frames = (
            f"{gap.batch}/{gap.subject}/{gap.frame}" for gap in gaps.head(_SHOWN).itertuples()
        )
        print(f"{reason}: {len(gaps)} frames, e.g. {', '.join(frames)}", file=sys.stderr)
    if len(evaluation.gaps):
        print("These frames are in gaps.csv and left out of the means.", file=sys.stderr)
    if evaluation.unused:
        shown = ", ".join(evaluation.unused[:_SHOWN])
        print(f"{len(evaluation.unused)} predictions belong to no frame: {shown}", file=sys.stderr)
