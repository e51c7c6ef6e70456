"""What a refiner makes of held-out sequences, scored.

MediaPipe    as it was found
single       each frame refined alone
sequence     frames refined with their neighbours, and smoothed
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from model.pose_depth.poses import ObservedPoses
from model.pose_depth.predictor import SMOOTHING_S, DepthRefiner, RefinedPoses
from model.pose_depth.smoothing import smoothed
from model.pose_depth.view import azimuth_deg, elevation_deg, towards_camera
from training.pose_depth.losses import WITHIN_M
from training.pose_depth.metrics import (
    FrameScores,
    SequenceScores,
    circular_error_deg,
    circular_mean_deg,
    frame_scores,
    sequence_scores,
)
from training.pose_depth.pairs import PairSequence
from training.reporting.calibration import Reliability

BEFORE, SINGLE, SEQUENCE = "MediaPipe", "refined, single frames", "refined, sequence"
NETWORK, TORSO, CONSTANT = "network", "torso of MediaPipe's pose", "best constant"
BATCH = 64
"""Sequences that are refined at a time."""


@dataclass(frozen=True)
class ScoredSequence:
    """One sequence."""

    pairs: PairSequence
    joints: Mapping[str, np.ndarray]
    """(N, 17, 3) by who made them."""
    frames: Mapping[str, FrameScores]
    whole: Mapping[str, SequenceScores]
    azimuth_deg: np.ndarray
    """(N,) true."""
    elevation_deg: np.ndarray
    """(N,) true."""
    views: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """Azimuth and elevation (N,) by who estimated them."""
    reliability: Reliability
    """Confidence of single frames, and whether joints are within 0.1 m."""


def score_sequences(
    refiner: DepthRefiner, sequences: Sequence[PairSequence]
) -> list[ScoredSequence]:
    """Refine and score sequences of at least one frame each."""
    scored = []
    with tqdm(total=len(sequences), unit="sequence", desc="refining") as bar:
        for first in range(0, len(sequences), BATCH):
            some = sequences[first : first + BATCH]
            alone = refiner.predict_batch([_observed(pairs, in_time=False) for pairs in some])
            together = refiner.predict_batch([_observed(pairs, in_time=True) for pairs in some])
            for pairs, single, sequence in zip(some, alone, together, strict=True):
                scored.append(_scored(pairs, single, sequence))
                bar.update()
    return scored


def _observed(pairs: PairSequence, in_time: bool) -> ObservedPoses:
    seconds = pairs.seconds if in_time else None
    return ObservedPoses(pairs.corrupted, pairs.pose_2d, pairs.visibility, seconds)


def _scored(pairs: PairSequence, single: RefinedPoses, sequence: RefinedPoses) -> ScoredSequence:
    truth = pairs.ground_truth
    joints = {
        BEFORE: pairs.corrupted,
        SINGLE: single.joints,
        SEQUENCE: smoothed(sequence.joints, pairs.seconds, SMOOTHING_S),
    }
    directions = torch.from_numpy(pairs.directions())
    of_torso = towards_camera(torch.from_numpy(pairs.corrupted))
    near = np.linalg.norm(single.joints - truth, axis=-1)
    known = np.isfinite(near)
    return ScoredSequence(
        pairs,
        joints,
        {name: frame_scores(pose, truth) for name, pose in joints.items()},
        {name: sequence_scores(pose, truth, pairs.seconds) for name, pose in joints.items()},
        azimuth_deg(directions).numpy(),
        elevation_deg(directions).numpy(),
        {
            NETWORK: (single.azimuth_deg, single.elevation_deg),
            TORSO: (azimuth_deg(of_torso).numpy(), elevation_deg(of_torso).numpy()),
        },
        Reliability.of(single.confidence[known], (near[known] < WITHIN_M).astype(float)),
    )


def joined(scored: Sequence[ScoredSequence], who: str) -> dict[str, np.ndarray]:
    """The scores of all frames by name, (N,); those of a sequence count for each of its frames."""
    frames = {
        name: np.concatenate([getattr(one.frames[who], name) for one in scored])
        for name in FrameScores._fields
    }
    lengths = [len(one.pairs) for one in scored]
    wholes = {
        name: np.repeat([getattr(one.whole[who], name) for one in scored], lengths)
        for name in SequenceScores._fields
    }
    return frames | wholes


def view_errors(scored: Sequence[ScoredSequence]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Errors (N,) of azimuth and elevation in degrees, by who estimated them.

    The constant is the best one for these very frames: mean direction and median elevation.
    """
    azimuths = np.concatenate([one.azimuth_deg for one in scored])
    elevations = np.concatenate([one.elevation_deg for one in scored])
    known = np.isfinite(azimuths)
    found = dict(_estimates(scored))
    found[CONSTANT] = (
        np.full(len(azimuths), circular_mean_deg(azimuths[known])),
        np.full(len(azimuths), np.median(elevations[known])),
    )
    return {
        who: (circular_error_deg(azimuth, azimuths), np.abs(elevation - elevations))
        for who, (azimuth, elevation) in found.items()
    }


def _estimates(
    scored: Sequence[ScoredSequence],
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    for who in (NETWORK, TORSO):
        azimuths, elevations = zip(*(one.views[who] for one in scored), strict=True)
        yield who, (np.concatenate(azimuths), np.concatenate(elevations))


def clusters(scored: Sequence[ScoredSequence]) -> list[str]:
    """What each frame's errors have in common with others: its sequence, for standard errors."""
    return [one.pairs.sequence for one in scored for _ in range(len(one.pairs))]
