"""A small body asset and a small SHADER folder with ground truth."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.asset import SmplAsset, save_asset
from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.skeletons import SMPL_24_PARENTS
from training.body.scoring import ScoringAsset

NUM_VERTICES = 50
NUM_FRAMES = 3
SUBJECTS = (("femaleBatch001", "0000"), ("maleBatch001", "0000"), ("maleBatch001", "0001"))


def write_asset(path: Path, seed: int) -> Path:
    """A small random body."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    asset = SmplAsset.from_tensors(
        {
            "v_template": random(NUM_VERTICES, 3),
            "shapedirs": 0.1 * random(NUM_VERTICES, 3, 10),
            "posedirs": torch.zeros(NUM_VERTICES, 3, 0),
            "J_regressor": random(24, NUM_VERTICES).softmax(1),
            "parents": torch.tensor(SMPL_24_PARENTS),
            "lbs_weights": (4 * random(NUM_VERTICES, 24)).softmax(1),
            "faces": torch.randint(NUM_VERTICES, (90, 3), generator=generator),
        }
    )
    part = TrainingPart({"source": f"{path.stem.upper()}.pkl"}, "", "", 0)
    save_asset(path, asset, CheckpointHeader("", {}, (part,), {}, "LicenseRef-SMPL-Body"))
    return path


@pytest.fixture
def asset_path(tmp_path: Path) -> Path:
    return write_asset(tmp_path / "body.safetensors", seed=0)


@pytest.fixture
def assets(tmp_path: Path) -> dict[str, ScoringAsset]:
    """Another body for each gender."""
    paths = {
        gender: write_asset(tmp_path / f"smpl_{gender}.safetensors", seed)
        for seed, gender in enumerate(("male", "female"), 1)
    }
    return {
        gender: ScoringAsset(path, BodyPredictor.from_checkpoint(path))
        for gender, path in paths.items()
    }


@pytest.fixture
def body(asset_path: Path) -> BodyPredictor:
    return BodyPredictor.from_checkpoint(asset_path)


@pytest.fixture
def truths() -> dict[str, dict[str, np.ndarray]]:
    """Ground truth of each subject, under the keys of SHADER."""
    random = np.random.default_rng(0)
    return {
        f"{batch}/{subject}": {
            "shape": random.normal(size=10),
            "poses": 0.5 * random.normal(size=(NUM_FRAMES, 72)),
            "trans": random.normal(size=(NUM_FRAMES, 3)),
            "joints2D": random.normal(size=(NUM_FRAMES, 24, 2)),
            "joints3D": random.normal(size=(NUM_FRAMES, 24, 3)),
        }
        for batch, subject in SUBJECTS
    }


@pytest.fixture
def shader(tmp_path: Path, truths: dict[str, dict[str, np.ndarray]]) -> Path:
    """The folder; its pictures are empty files, for nothing here looks into them."""
    root = tmp_path / "SHADER-r1_1"
    for key, truth in truths.items():
        folder = root / key
        for kind in ("dressed", "naked"):
            (folder / kind).mkdir(parents=True)
            for frame in range(NUM_FRAMES):
                (folder / kind / f"Image{frame:04d}.png").touch()
        (folder / f"gt{folder.name}.pkl").write_bytes(pickle.dumps(truth, 2))
    return root
