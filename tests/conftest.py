import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import HealthCheck, settings
from PIL import Image

from model.body.asset import SmplAsset
from model.body.predictor import BodyPredictor
from model.body.smpl import Smpl
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS

# pytest-xdist runs as many processes as there are cores; what they start inherits the variable.
torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))

# Converted networks of the tests do not fill the user's cache.
_cache = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = _cache.name

# How long an example takes is the machine's affair; pytest-timeout ends what hangs.
settings.register_profile("habitus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("habitus")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data(repo_root: Path) -> Path:
    folder = repo_root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the data folder ../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def tiny_silhouette() -> SilhouettePredictor:
    """A network with random weights that takes milliseconds."""
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    # Around the middle of [0, 1], so that little of the map is clipped.
    with torch.no_grad():
        network.get_parameter("outputs.0.bias").fill_(0.5)
    return SilhouettePredictor(network, input_size=64, dtype=torch.float32)


@pytest.fixture(scope="session")
def tiny_clothing() -> ClothingPredictor:
    """A network with random weights, sharpened until it finds several labels and groups."""
    torch.manual_seed(0)
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16)))
    with torch.no_grad():
        network.get_parameter("network.classify.weight").mul_(300)
        network.get_parameter("network.classify.bias").zero_()
    return ClothingPredictor(network, input_size=64, dtype=torch.float32)


@pytest.fixture(scope="session")
def tiny_body() -> BodyPredictor:
    """A capsule of human height with 24 joints and 10 betas; the first makes it taller."""
    capsule = trimesh.creation.capsule(height=1.4, radius=0.15, count=[8, 8])
    surface = torch.tensor(capsule.vertices, dtype=torch.float32)
    v_template = surface[:, [1, 2, 0]]  # Z up to Y up: a turn, so the faces still look outwards
    num_vertices, num_joints = len(v_template), len(SMPL_24_JOINT_NAMES)
    generator = torch.Generator().manual_seed(0)
    shapedirs = 0.01 * torch.randn(num_vertices, 3, 10, generator=generator)
    shapedirs[..., 0] = 0.05 * v_template * torch.tensor([0.0, 1.0, 0.0])
    asset = SmplAsset(
        v_template=v_template,
        shapedirs=shapedirs,
        posedirs=torch.zeros(num_vertices, 3, 0),
        J_regressor=torch.rand(num_joints, num_vertices, generator=generator).softmax(dim=1),
        parents=torch.tensor(SMPL_24_PARENTS),
        lbs_weights=(20 * torch.rand(num_vertices, num_joints, generator=generator)).softmax(dim=1),
        faces=torch.tensor(capsule.faces, dtype=torch.int64),
    )
    return BodyPredictor(Smpl(asset))


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture whose four corners differ, 48 wide and 40 high."""
    rows, columns = np.mgrid[0:40, 0:48]
    pixels = np.stack([rows * 6, columns * 5, (rows + columns) * 2], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels)
