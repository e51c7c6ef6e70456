"""How near pictures of a person are to the true ones: frame by frame, and from frame to frame.

N frames, S side of the pictures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from model.synthesis.nearest import NearestFrames
from model.synthesis.skeletons import Skeletons
from training.synthesis.frames import PersonFrames
from training.synthesis.similarity import ssim_and_ms_ssim

PER_BATCH = 32
"""Frames that are compared at a time."""
MEAN_PICTURE, NEAREST_26, NEAREST_99 = "mean picture", "nearest of 26", "nearest of 99"
"""Baselines, which need no training."""
NAMES = ("l1", "psnr", "ssim", "ms_ssim", "flicker")


class FrameScores(NamedTuple):
    """A number for each frame. Pictures are in [0, 1]."""

    l1: np.ndarray
    """(N,) mean absolute difference."""
    psnr: np.ndarray
    """(N,) peak signal-to-noise ratio in dB."""
    ssim: np.ndarray
    """(N,)"""
    ms_ssim: np.ndarray
    """(N,)"""
    flicker: np.ndarray
    """(N,) mean absolute difference of the change since the frame before; NaN for the first."""

    def means(self) -> dict[str, float]:
        """Over the frames; without the first for flicker."""
        return {name: float(np.nanmean(getattr(self, name))) for name in NAMES}


def score_frames(found: np.ndarray, truth: np.ndarray) -> FrameScores:
    """Compare frames.

    Args:
        found: (N, S, S, 3) uint8, consecutive; at least two.
        truth: Of the same shape.

    Raises:
        ValueError: The shapes differ, or there are fewer than two frames.
    """
    if found.shape != truth.shape or len(found) < 2:
        raise ValueError(f"frames are {found.shape} and {truth.shape}; equal shapes are needed")
    parts: list[np.ndarray] = []
    for start in range(0, len(found), PER_BATCH):
        one, other = (
            torch.from_numpy(np.array(frames[start : start + PER_BATCH]))
            .permute(0, 3, 1, 2)
            .float()
            / 255
            for frames in (found, truth)
        )
        l1 = (one - other).abs().mean((1, 2, 3))
        # Half a grey level is the least error that 8 bits can tell.
        error = (one - other).square().mean((1, 2, 3)).clamp_min((0.5 / 255) ** 2)
        together = (l1, -10 * error.log10(), *ssim_and_ms_ssim(one, other))
        parts.append(torch.stack(together).numpy())
    l1, psnr, similarity, multi_scale = np.concatenate(parts, 1)
    return FrameScores(l1, psnr, similarity, multi_scale, _flicker(found, truth))


def _flicker(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    error = found.astype(np.int16) - truth
    changed = np.abs(np.diff(error, axis=0)).mean((1, 2, 3)) / 255
    return np.concatenate([[np.nan], changed])


def baselines(frames: PersonFrames, known: np.ndarray, asked: Skeletons) -> dict[str, np.ndarray]:
    """Pictures (N, S, S, 3) by what needs no training.

    Args:
        frames: Of the person.
        known: Indices of those that may be used.
        asked: Skeletons of the frames to draw.
    """
    pictures, landmarks = frames.pictures[known], frames.skeletons.landmarks
    mean = np.rint(pictures.mean(0, dtype=np.float64)).astype(np.uint8)
    found = {MEAN_PICTURE: np.broadcast_to(mean, (len(asked), *mean.shape))}
    vectors = [(NEAREST_26, frames.skeletons.vectors_26(), asked.vectors_26())]
    if landmarks is not None and asked.landmarks is not None:
        vectors.append((NEAREST_99, frames.skeletons.vectors_99(), asked.vectors_99()))
    for name, ours, theirs in vectors:
        found[name] = pictures[nearest_of(ours[known], theirs)]
    return found


def nearest_of(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Index of the nearest of the known vectors (K, D) for each (N, D)."""
    distances = ((asked[:, None] - known) ** 2).sum(-1)
    found: np.ndarray = distances.argmin(1)
    return found


def nearest_method(frames: PersonFrames, known: np.ndarray) -> NearestFrames:
    """The method `nearest` of a checkpoint, from the frames that may be used."""
    points = Skeletons(frames.skeletons.points[known])
    return NearestFrames.of(points, frames.pictures[known])


def mean_scores(found: Sequence[np.ndarray], truth: np.ndarray) -> list[dict[str, float]]:
    """Means of each of several methods."""
    return [score_frames(frames, truth).means() for frames in found]
