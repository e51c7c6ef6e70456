from pathlib import Path

import numpy as np
import pytest

from training.mesh_confidence.data import MeshErrors, save_errors


def made_up(number: int, seed: int, extra: bool = False) -> MeshErrors:
    """Rows whose errors are their distances, a little off, and larger where scores are low."""
    generator = np.random.default_rng(seed)
    distances = generator.lognormal(-3.3, 0.8, (number, 14)).astype(np.float32)
    scores = generator.uniform(0.3, 1, (number, 14)).astype(np.float32)
    errors = distances * generator.lognormal(0, 0.2, (number, 14)) / scores**0.5
    features = np.full((number, 14, 5), np.nan, np.float32)
    features[..., 0], features[..., 1] = distances, scores
    occluded = np.full(number, -1)
    if extra:
        features[..., 2] = distances * 1.1
        features[..., 3] = generator.uniform(0, 1, (number, 14))
        features[..., 4] = generator.lognormal(-3, 0.5, (number, 14))
        occluded = generator.integers(0, 14, number)
    sequence = np.arange(number) // 20
    return MeshErrors(features, errors.astype(np.float32), sequence, occluded)


@pytest.fixture
def rows() -> MeshErrors:
    return made_up(400, 0)


@pytest.fixture
def errors_folder(tmp_path: Path) -> Path:
    """All four files."""
    folder = tmp_path / "errors"
    folder.mkdir()
    for seed, name in enumerate(("train", "train_occluded", "test", "test_occluded")):
        save_errors(folder / f"{name}.npz", made_up(400, seed, extra=True))
    return folder
