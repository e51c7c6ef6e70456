from pathlib import Path

import pytest

from training.engine.batches import Stage
from training.silhouette.recipe import DataRecipe, SilhouetteRecipe


@pytest.fixture
def recipe(
    shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path
) -> SilhouetteRecipe:
    return SilhouetteRecipe(
        stages=(Stage(image_size=32, steps=3, batch_size=4), Stage(48, steps=2, batch_size=2)),
        data=DataRecipe(
            pairs=(str(shader_folder),),
            photos=str(ccp_folder),
            keypoints=str(ccp_keypoints),
            validation_fraction=0.5,
            pair_side=40,
            photo_side=50,
            cache=str(tmp_path / "cache"),
        ),
    )
