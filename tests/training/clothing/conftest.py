from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from model.clothing.labels import LABELS
from model.clothing.network import ClothingConfig
from training.clothing.recipe import ClothingRecipe, DataRecipe
from training.engine.batches import Stage
from training.engine.optimisation import Optimisation

TINY = ClothingConfig(network="unet", widths=(4, 8))


def draw_labels(number: int) -> np.ndarray:
    """(90, 60) labels of one photo: a head, a body, legs; they differ from photo to photo."""
    labels = np.zeros((90, 60), np.uint8)
    across = 15 + number % 10
    labels[8:20, across : across + 12] = LABELS.index("skin")
    labels[20:50, across - 6 : across + 18] = LABELS.index(("dress", "coat", "shirt")[number % 3])
    labels[50:84, across : across + 5] = LABELS.index("pants")
    labels[50:84, across + 7 : across + 12] = LABELS.index("stockings")
    return labels


def paint(labels: np.ndarray, number: int) -> np.ndarray:
    """(90, 60, 3) a photo from which the labels could be told, and the number: its first pixels."""
    colours = np.random.default_rng(0).integers(40, 256, (len(LABELS), 3), dtype=np.uint8)
    noise = np.random.default_rng(number).integers(0, 20, (*labels.shape, 3), dtype=np.uint8)
    painted: np.ndarray = colours[labels] - noise
    return painted


@pytest.fixture
def clothing_folder(tmp_path: Path) -> Path:
    """Forty photos with the real ids, the test numbers among them."""
    root = tmp_path / "photos-with-clothes"
    (root / "photos").mkdir(parents=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True)
    cells = np.empty((1, len(LABELS)), dtype=object)
    cells[0] = [np.array([name]) for name in LABELS]
    savemat(root / "label_list.mat", {"label_list": cells})
    for number in range(1, 41):
        labels = draw_labels(number)
        Image.fromarray(paint(labels, number)).save(
            root / "photos" / f"{number:04d}.jpg", quality=95, subsampling=0
        )
        savemat(root / "annotations/pixel-level" / f"{number:04d}.mat", {"groundtruth": labels})
    return root


@pytest.fixture
def labels_of() -> Callable[[int], np.ndarray]:
    """What the photo of a number is labelled as."""
    return draw_labels


@pytest.fixture
def recipe(clothing_folder: Path, tmp_path: Path) -> ClothingRecipe:
    return ClothingRecipe(
        stages=(Stage(image_size=64, steps=3, batch_size=4), Stage(96, steps=2, batch_size=2)),
        network=TINY,
        data=DataRecipe(
            photos=str(clothing_folder), photo_side=90, cache=str(tmp_path / "clothing-cache")
        ),
        optimisation=Optimisation(precision="fp32", warmup_steps=2),
        device="cpu",
    )
