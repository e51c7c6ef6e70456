"""How good judgements of meshes are, beside three baselines.

The baselines: the majority (the more frequent verdict, and the joints that are most often the
worst, both of the very rows that are measured); the distance to the detected joints (a mesh is good
if none is above 0.1, and the joint with the largest is the worst); and the regressor's own
deviations, in the same way.

N rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from model.mesh_confidence.features import CHANNELS
from model.mesh_confidence.network import MeshConfidenceNetwork
from model.mesh_confidence.predictor import GOOD_ERROR
from training.mesh_confidence.data import MeshErrors, in_batches
from training.reporting.calibration import Reliability

NETWORK, MAJORITY, DISTANCE, DEVIATION = "network", "majority", "distance", "deviation"
NOTHING = float("nan")


@dataclass(frozen=True)
class Judgements:
    """Probabilities for rows; None of what is not judged."""

    good: np.ndarray | None
    """(N,) that no joint's error is above 0.1."""
    worst: np.ndarray | None
    """(N, 14) that the joint has the largest error; only their order counts."""
    joints: np.ndarray | None = None
    """(N, 14) that the joint's error is at most 0.1."""


def judge_rows(network: MeshConfidenceNetwork, rows: MeshErrors) -> Judgements:
    """What a network in evaluation mode says of rows."""
    found: dict[str, list[np.ndarray]] = {"good": [], "worst": [], "joints": []}
    device = next(network.parameters()).device
    with torch.inference_mode():
        for batch in in_batches(rows):
            judged = network(batch.features.to(device))
            if judged.good is not None:
                found["good"].append(judged.good.sigmoid().cpu().numpy())
            if judged.worst is not None:
                found["worst"].append(judged.worst.exp().cpu().numpy())
            if judged.joints is not None:
                found["joints"].append(judged.joints.sigmoid().cpu().numpy())
    return Judgements(**{name: np.concatenate(p) if p else None for name, p in found.items()})


def baselines(rows: MeshErrors) -> dict[str, Judgements]:
    """By name; without the regressor's deviations where rows have none."""
    good = (rows.errors.max(1) <= GOOD_ERROR).mean()
    counts = np.bincount(rows.errors.argmax(1), minlength=rows.errors.shape[1])
    number = len(rows)
    found = {
        MAJORITY: Judgements(
            np.full(number, float(good)), np.tile(counts / counts.sum(), (number, 1))
        )
    }
    for name in (DISTANCE, DEVIATION):
        values = rows.features[..., CHANNELS.index(name)]
        if np.isfinite(values).any():
            # A joint that was not found is as doubtful as can be.
            known = np.nan_to_num(values, nan=float(np.nanmax(values)))
            # Above 0.5 exactly where no value is above 0.1.
            verdict = 1 / (1 + (known.max(1) / GOOD_ERROR) ** 4)
            found[name] = Judgements(np.where(verdict == 0.5, 0.5001, verdict), known)
    return found


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Probability that a true row has a higher score than a false one; ties count half.

    Args:
        scores: (N,).
        truth: (N,) bool; NaN is given if all are alike.
    """
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return NOTHING
    ranks = rankdata(scores)[truth].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def mesh_metrics(good: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Of the verdict on whole meshes: accuracy, AUROC, F1 of "good", ECE."""
    truth = errors.max(1) <= GOOD_ERROR
    said = good > 0.5
    both, either = int((said & truth).sum()), int(said.sum() + truth.sum())
    return {
        "accuracy": float((said == truth).mean()),
        "auroc": auroc(good, truth),
        "f1": 2 * both / either if either else NOTHING,
        "ece": Reliability.of(good, truth.astype(np.float64)).expected_calibration_error(),
    }


def worst_metrics(worst: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Of the worst joint: how often it is the first, or among the first three. Ties count against.

    Args:
        worst: (N, 14), the highest first.
        errors: (N, 14).
    """
    truth = errors.argmax(1)[:, None]
    value = np.take_along_axis(worst, truth, 1)
    before = (worst > value).sum(1) + (worst == value).sum(1) - 1
    return {"top1": float((before < 1).mean()), "top3": float((before < 3).mean())}


def joint_metrics(joints: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Of the trust in each joint: AUROC of all joints together, ECE, and the mean joint's AUROC."""
    truth = errors <= GOOD_ERROR
    each = [auroc(joints[:, j], truth[:, j]) for j in range(errors.shape[1])]
    reliability = Reliability.of(joints, truth.astype(np.float64))
    return {
        "joint_auroc": auroc(joints.ravel(), truth.ravel()),
        "joint_ece": reliability.expected_calibration_error(),
        "mean_joint_auroc": float(np.nanmean(each)) if np.isfinite(each).any() else NOTHING,
    }


def all_metrics(judged: Judgements, rows: MeshErrors) -> dict[str, float]:
    """Of everything that is judged."""
    found: dict[str, float] = {}
    if judged.good is not None:
        found |= mesh_metrics(judged.good, rows.errors)
    if judged.worst is not None:
        found |= worst_metrics(judged.worst, rows.errors)
    if judged.joints is not None:
        found |= joint_metrics(judged.joints, rows.errors)
    return found


def falls_under_occluder(
    plain: Judgements, occluded: Judgements, joints: np.ndarray
) -> dict[str, Any]:
    """How often the trust of a joint falls when an occluder is put on it.

    Args:
        plain: Of pictures.
        occluded: Of the same pictures in the same order, each with an occluder.
        joints: (N,) the joint under the occluder; -1 where unknown.
    """
    known = joints >= 0
    if plain.joints is None or occluded.joints is None or not known.any():
        return {"pictures": 0, "share": NOTHING}
    rows = np.flatnonzero(known)
    before = plain.joints[rows, joints[rows]]
    after = occluded.joints[rows, joints[rows]]
    return {"pictures": len(rows), "share": float((after < before).mean())}
