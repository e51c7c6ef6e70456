import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from model.skeletons import MEDIAPIPE_33_NAMES
from training.datasets.ccp_keypoints import CcpKeypoints, Pose

SIDE = 48
LABELS = ("null", "hair", "skin", "dress")
NUM_PHOTOS = 40
PHOTO_SIZE = 60, 40
UPRIGHT = {
    **{"shoulder": 0.36, "elbow": 0.5, "wrist": 0.6, "hip": 0.56, "knee": 0.68, "ankle": 0.8},
    **{"eye": 0.22, "ear": 0.22},
}
"""Heights of joints in the photos, over the photo's."""


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
    for number in range(1, NUM_PHOTOS + 1):
        labels = np.zeros(PHOTO_SIZE, np.uint8)
        labels[10:18, 15:25] = LABELS.index("skin")
        labels[18:50, 12:28] = LABELS.index("dress")
        pixels = rng.integers(0, 256, (*PHOTO_SIZE, 3), dtype=np.uint8)
        pixels[labels > 0] //= 4
        Image.fromarray(pixels).save(root / "photos" / f"{number:04d}.jpg")
        savemat(root / "annotations" / "pixel-level" / f"{number:04d}.mat", {"groundtruth": labels})
    return root


@pytest.fixture
def ccp_keypoints(tmp_path: Path) -> Path:
    """The file of landmarks of these photos: everybody stands upright, arms along the body."""
    landmarks = np.full((len(MEDIAPIPE_33_NAMES), 2), (0.5, 0.22), np.float32)
    for name, y in UPRIGHT.items():
        for side, x in (("left", 0.55), ("right", 0.45)):
            landmarks[MEDIAPIPE_33_NAMES.index(f"{side}_{name}")] = x, y
    pose = Pose(landmarks, np.ones(len(landmarks), np.float32))
    numbers = list(range(1, NUM_PHOTOS + 1))
    keypoints = CcpKeypoints.empty("model.task", "0" * 64)
    path = tmp_path / "ccp_keypoints.npz"
    keypoints.extended(numbers, [PHOTO_SIZE] * NUM_PHOTOS, [pose] * NUM_PHOTOS).save(path)
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
