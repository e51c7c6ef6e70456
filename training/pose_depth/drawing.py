"""Poses as stick figures: from the camera, and from the side."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from model.pose_depth.skeleton import BONES, NOSE, SHOULDERS
from training.pose_depth.scoring import BEFORE, SINGLE, ScoredSequence
from training.reporting.contact_sheet import Tile, contact_sheet

SIDE = 256
"""Of a panel, in pixels."""
SPAN_M = 2.4
"""Across a panel."""
TRUTH = "truth"
COLOURS = {TRUTH: (120, 120, 120), BEFORE: (214, 69, 65), SINGLE: (31, 119, 180)}
_AXES = {"camera": (0, 1), "side": (2, 1)}
"""Which coordinates are across and down: seen by the camera; from the camera's right."""
NUM_WORST = 10


def stick_figures(poses: Mapping[str, np.ndarray], view: str, side: int = SIDE) -> np.ndarray:
    """One panel (side, side, 3) uint8 on white.

    Args:
        poses: (17, 3) hip-centred, metres, by names of `COLOURS`.
        view: `camera`, or `side`: the camera is then at the left.
        side: In pixels.
    """
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for name, pose in poses.items():
        points = side * (pose[:, _AXES[view]] / SPAN_M + 0.5)
        middle = points[list(SHOULDERS)].mean(0)
        lines = [*((points[a], points[b]) for a, b in BONES), (middle, points[NOSE])]
        for ends in lines:
            if np.isfinite(ends).all():
                draw.line(
                    [tuple(map(float, end)) for end in ends], COLOURS[name], max(1, side // 90)
                )
    return np.asarray(image)


def worst_sheet(scored: Sequence[ScoredSequence]) -> Image.Image:
    """The frames that are furthest off after they were refined alone, in both views."""
    errors = [
        (float(error), place, frame)
        for place, one in enumerate(scored)
        for frame, error in enumerate(one.frames[SINGLE].mpjpe)
        if np.isfinite(error)
    ]
    tiles = []
    seen: set[int] = set()
    for error, place, frame in sorted(errors, reverse=True):
        if place in seen:
            continue
        seen.add(place)
        one = scored[place]
        poses = {
            TRUTH: one.pairs.ground_truth[frame],
            BEFORE: one.joints[BEFORE][frame],
            SINGLE: one.joints[SINGLE][frame],
        }
        panels = tuple(stick_figures(poses, view) for view in _AXES)
        tiles.append(Tile(f"{one.pairs.sequence}: {error:.2f} m", panels))
        if len(tiles) == NUM_WORST:
            break
    return contact_sheet(tiles)
