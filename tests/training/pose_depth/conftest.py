from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.pose_depth.pairs import PairSequence, hip_centred, write_pairs

REST = np.array(
    [
        *([0, -0.7, -0.1], [0.03, -0.73, -0.09], [-0.03, -0.73, -0.09]),
        *([0.07, -0.71, 0], [-0.07, -0.71, 0]),
        *([0.18, -0.5, 0], [-0.18, -0.5, 0], [0.25, -0.22, 0.02], [-0.25, -0.22, 0.02]),
        *([0.27, 0.02, -0.05], [-0.27, 0.02, -0.05]),
        *([0.1, 0, 0], [-0.1, 0, 0], [0.11, 0.42, -0.03], [-0.11, 0.42, -0.03]),
        *([0.12, 0.84, 0.03], [-0.12, 0.84, 0.03]),
    ]
)
"""Upright before the camera, in the axes of pictures."""


def person(rng: np.random.Generator, num_frames: int, name: str = "07_01_s000000") -> PairSequence:
    """Somebody who turns slowly; what was found is off by noise that grows with depth."""
    start, distance = rng.uniform(-np.pi, np.pi), rng.uniform(3, 5)
    angles = start + 0.1 * np.arange(num_frames)
    truth = np.stack([Rotation.from_euler("y", angle).apply(REST) for angle in angles])
    truth += rng.normal(0, 0.02, (1, 17, 3))
    truth = hip_centred(truth)
    camera = np.tile([0.1, -0.4, -distance], (num_frames, 1))
    seen = truth - camera[:, None]
    error = rng.normal(0, [0.01, 0.01, 0.05], truth.shape) + [0, 0, 0.1] * truth
    return PairSequence(
        name,
        hip_centred(truth + error).astype(np.float32),
        truth.astype(np.float32),
        rng.uniform(0.5, 1, (num_frames, 17)).astype(np.float32),
        hip_centred(seen[..., :2] / seen[..., 2:]).astype(np.float32),
        camera.astype(np.float32),
        np.arange(num_frames) * 3,
        np.arange(num_frames) * 0.1,
    )


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    """A few sequences of each split, one of them without frames."""
    rng = np.random.default_rng(0)
    root = tmp_path / "pairs"
    for split, clips in (("training", "07"), ("validation", "01"), ("test", "02")):
        (root / split).mkdir(parents=True)
        for number in range(4):
            name = f"{clips}_01_s{number:06d}"
            pairs = person(rng, 5 if number else 3, name)
            if number == 3:
                pairs = pairs.part(slice(0, 0))
            write_pairs(root / split / f"{name}.npz", pairs)
    return root
