from collections.abc import Callable

import numpy as np
import pytest

from model.reconstruction.predictor import PersonView


@pytest.fixture(scope="session")
def person_view() -> Callable[..., PersonView]:
    """Somebody in a picture of noise; another seed gives somebody else."""

    def make(
        seed: int = 0, size: tuple[int, int] = (90, 70), height_m: float | None = None
    ) -> PersonView:
        rng = np.random.default_rng(seed)
        height, width = size
        box = np.array([0.2 * width, 0.1 * height, 0.8 * width, 0.95 * height], np.float32)
        keypoints = np.column_stack(
            [rng.uniform(box[:2], box[2:], (17, 2)), rng.uniform(0.4, 1, 17)]
        ).astype(np.float32)
        return PersonView(
            rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
            box,
            keypoints,
            rng.random((height, width)).astype(np.float32),
            height_m=height_m,
        )

    return make
