from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.synthesis.network import SynthesisConfig
from model.synthesis.skeletons import Skeletons
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.synthesis.frames import write_landmarks
from training.synthesis.recipe import DataRecipe, DiscriminatorRecipe, LossRecipe, SynthesisRecipe

NUM_FRAMES = 40


def painted(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Somebody red before a background that is brighter to the right; squares at the points."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 1] = np.linspace(40, 200, width).astype(np.uint8)
    for x, y in (points * [width, height]).astype(int):
        picture[max(0, y - 3) : y + 3, max(0, x - 3) : x + 3] = (230, 30, 40)
    return picture


def moving(dancer: Skeletons) -> np.ndarray:
    """(40, 13, 2) another 16 frames after the dancer's, of the same kind."""
    return np.concatenate([dancer.points, dancer.points[::-1][1:17]])


@pytest.fixture(scope="session")
def frames_folder(dancer: Skeletons, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty frames of 72 x 64 pixels, one of them without anybody."""
    folder = tmp_path_factory.mktemp("clips") / "anna"
    (folder / "frames").mkdir(parents=True)
    points = moving(dancer)
    names = tuple(f"{number:03d}.png" for number in range(NUM_FRAMES))
    for name, one in zip(names, points, strict=True):
        Image.fromarray(painted(one, 64, 72)).save(folder / "frames" / name)
    landmarks = points.copy()
    landmarks[20] = np.nan
    write_landmarks(folder, landmarks, names)
    return folder


@pytest.fixture
def recipe(frames_folder: Path) -> SynthesisRecipe:
    """Two frames at a time with a discriminator; 32 pixels."""
    return SynthesisRecipe(
        method="conditional",
        stages=(Stage(image_size=32, steps=4, batch_size=4),),
        network=SynthesisConfig("conditional", 32, (8, 16)),
        data=DataRecipe(str(frames_folder), licence="CC0-1.0", jitter=0.002),
        loss=LossRecipe(ssim=0.2, motion=0.5, features=0.1, adversarial=0.01),
        discriminator=DiscriminatorRecipe(widths=(8, 16)),
        optimisation=Optimisation(precision="fp32", warmup_steps=2),
        routine=Routine(judge_every=2, save_every=1, log_every=1, num_workers=0),
        device="cpu",
    )
