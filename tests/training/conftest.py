import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

SIDE = 48
LABELS = ("null", "hair", "skin", "dress")


def picture(silhouette: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Noise before a plain colour, the silhouette as alpha."""
    pixels = np.tile(rng.integers(0, 256, 3, dtype=np.uint8), (*silhouette.shape, 1))
    pixels[silhouette] = rng.integers(0, 256, (int(silhouette.sum()), 3), dtype=np.uint8)
    return Image.fromarray(np.dstack([pixels, silhouette * np.uint8(255)]))


def truth(num_frames: int) -> dict[str, np.ndarray]:
    return {
        "shape": np.arange(10.0),
        "poses": np.zeros((num_frames, 72)),
        "trans": np.zeros((num_frames, 3)),
        "joints2D": np.zeros((num_frames, 24, 2)),
        "joints3D": np.zeros((num_frames, 24, 3)),
    }


@pytest.fixture
def shader_folder(tmp_path: Path) -> Path:
    """Two batches of four subjects with two frames each, without a fault."""
    rng = np.random.default_rng(0)
    root = tmp_path / "shader"
    for batch in ("femaleBatch001", "maleBatch002"):
        for number in range(4):
            folder = root / batch / f"{number:04d}"
            for kind in ("dressed", "naked"):
                (folder / kind).mkdir(parents=True)
            for frame in range(2):
                rows, columns = np.mgrid[:SIDE, :SIDE]
                across = np.abs(columns - SIDE / 2 + frame)
                naked = (rows > 6) & (rows < 42) & (across < 5 + number)
                dressed = naked | ((rows > 14) & (rows < 36) & (across < 9 + number))
                picture(dressed, rng).save(folder / "dressed" / f"Image{frame:04d}.png")
                picture(naked, rng).save(folder / "naked" / f"Image{frame:04d}.png")
            (folder / f"gt{number:04d}.pkl").write_bytes(pickle.dumps(truth(2)))
    return root


@pytest.fixture
def ccp_folder(tmp_path: Path) -> Path:
    """Forty photos with labels, the test numbers among them; the ids are not the real ones."""
    rng = np.random.default_rng(1)
    root = tmp_path / "ccp"
    (root / "photos").mkdir(parents=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True)
    cells = np.empty((1, len(LABELS)), dtype=object)
    cells[0] = [np.array([name]) for name in LABELS]
    savemat(root / "label_list.mat", {"label_list": cells})
    for number in range(1, 41):
        labels = np.zeros((60, 40), np.uint8)
        labels[10:18, 15:25] = LABELS.index("skin")
        labels[18:50, 12:28] = LABELS.index("dress")
        pixels = rng.integers(0, 256, (60, 40, 3), dtype=np.uint8)
        pixels[labels > 0] //= 4
        Image.fromarray(pixels).save(root / "photos" / f"{number:04d}.jpg")
        savemat(root / "annotations" / "pixel-level" / f"{number:04d}.mat", {"groundtruth": labels})
    return root


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
