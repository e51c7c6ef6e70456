"""A small random body: right in every shape, with pose correctives, and fast."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.body.asset import NUM_JOINTS, NUM_POSE_FEATURES, SmplAsset
from model.skeletons import SMPL_24_PARENTS

NUM_VERTICES = 60


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "v_template": random(NUM_VERTICES, 3),
        "shapedirs": 0.1 * random(NUM_VERTICES, 3, 10),
        "posedirs": 0.01 * random(NUM_VERTICES, 3, NUM_POSE_FEATURES),
        "J_regressor": random(NUM_JOINTS, NUM_VERTICES).softmax(dim=1),
        "parents": torch.tensor(SMPL_24_PARENTS),
        "lbs_weights": (3 * random(NUM_VERTICES, NUM_JOINTS)).softmax(dim=1),
        "faces": torch.randint(NUM_VERTICES, (40, 3), generator=generator),
    }


@pytest.fixture
def asset(tensors: dict[str, Tensor]) -> SmplAsset:
    return SmplAsset.from_tensors(tensors)


@pytest.fixture
def committed_asset() -> Path:
    return Path(__file__).parents[3] / "checkpoints" / "body_neutral.safetensors"
