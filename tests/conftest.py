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
from model.synthesis.nearest import NearestFrames
from model.synthesis.network import Generator, SynthesisConfig
from model.synthesis.normalisation import Stance
from model.synthesis.person import Person
from model.synthesis.predictor import SynthesisPredictor
from model.synthesis.skeletons import Skeletons

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
def dancer() -> Skeletons:
    """Somebody who stands upright, waves an arm and steps aside, for 24 frames."""
    upright = [
        *([0.5, 0.2], [0.56, 0.3], [0.44, 0.3], [0.6, 0.42], [0.4, 0.42], [0.62, 0.53]),
        *([0.38, 0.53], [0.54, 0.52], [0.46, 0.52], [0.55, 0.69], [0.45, 0.69]),
        *([0.55, 0.86], [0.45, 0.86]),
    ]
    time = np.arange(24, dtype=np.float32)
    points = np.tile(np.array(upright, np.float32), (24, 1, 1))
    points[:, 5] += 0.1 * np.stack([np.sin(time / 3), np.cos(time / 3)], -1)
    points[..., 0] += 0.08 * np.sin(time / 7)[:, None]
    return Skeletons(points)


@pytest.fixture(scope="session")
def tiny_person(dancer: Skeletons) -> Person:
    """Drawn by the nearest of 24 frames, and by a network with random weights; 32 pixels."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (24, 1, 1, 3), dtype=np.uint8).repeat(32, 1).repeat(32, 2)
    generator = Generator(SynthesisConfig("conditional", 32, (8, 16))).eval()
    with torch.no_grad():
        generator.get_parameter("network.head.weight").mul_(20)
    nearest = NearestFrames.of(dancer, pictures)
    return Person("tiny", Stance.of(dancer), {"conditional": generator}, nearest)


@pytest.fixture(scope="session")
def tiny_synthesis(tiny_person: Person) -> SynthesisPredictor:
    """The tiny person, and another one who is drawn from the drawing alone."""
    torch.manual_seed(1)
    other = {"drawing": Generator(SynthesisConfig("drawing")).eval()}
    return SynthesisPredictor([tiny_person, Person("other", tiny_person.stance, other)])


def _mannequin() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles, 24 joints and the joint of each vertex: balls and sticks of 1.7 m."""
    places = {
        **{"pelvis": (0, 0.95, 0), "spine1": (0, 1.05, 0), "spine2": (0, 1.15, 0)},
        **{"spine3": (0, 1.25, 0), "neck": (0, 1.4, 0), "head": (0, 1.55, 0.02)},
        **{"hip": (0.11, 0.9, 0), "knee": (0.13, 0.5, 0), "ankle": (0.15, 0.1, 0)},
        **{"foot": (0.15, 0.06, 0.1), "collar": (0.05, 1.35, 0), "shoulder": (0.17, 1.33, 0)},
        **{"elbow": (0.43, 1.33, 0), "wrist": (0.68, 1.33, 0), "hand": (0.78, 1.33, 0)},
    }
    joints = np.array(
        [
            np.multiply(
                places[name.partition("_")[2] or name], (-1 if "right" in name else 1, 1, 1)
            )
            for name in SMPL_24_JOINT_NAMES
        ]
    )

    def ball(centre: tuple[float, ...], radii: tuple[float, ...], *names: str) -> None:
        sphere = trimesh.creation.icosphere(subdivisions=2)
        shape = sphere.vertices * radii + centre
        among = [SMPL_24_JOINT_NAMES.index(name) for name in names]
        nearest = np.linalg.norm(shape[:, None] - joints[among], axis=-1).argmin(axis=1)
        faces.append(sphere.faces + sum(map(len, vertices)))
        vertices.append(shape)
        labels.append(np.array(among)[nearest])

    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    ball((0, 1.13, 0), (0.17, 0.33, 0.12), "pelvis", "spine1", "spine2", "spine3")
    ball((0, 1.44, 0), (0.06, 0.14, 0.06), "neck")
    ball((0, 1.58, 0.02), (0.08, 0.12, 0.1), "head")
    for side, sign in (("left", 1), ("right", -1)):
        arm = [f"{side}_{name}" for name in ("collar", "shoulder", "elbow", "wrist", "hand")]
        leg = [f"{side}_{name}" for name in ("hip", "knee", "ankle", "foot")]
        ball((sign * 0.47, 1.33, 0), (0.4, 0.05, 0.05), *arm[1:])
        ball((sign * 0.08, 1.34, 0), (0.08, 0.04, 0.04), arm[0])
        ball((sign * 0.13, 0.48, 0), (0.08, 0.48, 0.08), *leg)
    return np.concatenate(vertices), np.concatenate(faces), joints, np.concatenate(labels)


@pytest.fixture(scope="session")
def tiny_body() -> BodyPredictor:
    """A mannequin of human height with 24 joints and 10 betas; the first makes it taller."""
    surface, faces, joints, labels = _mannequin()
    num_vertices, num_joints = len(surface), len(SMPL_24_JOINT_NAMES)
    v_template = torch.tensor(surface - joints[0], dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    shapedirs = 0.002 * torch.randn(num_vertices, 3, 10, generator=generator)
    shapedirs[..., 0] = 0.05 * v_template * torch.tensor([0.0, 1.0, 0.0])
    # The weights of least norm that give each joint and sum to one.
    columns = np.column_stack([v_template.double().numpy(), np.ones(num_vertices)])
    targets = np.column_stack([joints - joints[0], np.ones(num_joints)])
    asset = SmplAsset(
        v_template=v_template,
        shapedirs=shapedirs,
        posedirs=torch.zeros(num_vertices, 3, 0),
        J_regressor=torch.tensor(targets @ np.linalg.pinv(columns), dtype=torch.float32),
        parents=torch.tensor(SMPL_24_PARENTS),
        lbs_weights=torch.nn.functional.one_hot(torch.tensor(labels), num_joints).float(),
        faces=torch.tensor(faces, dtype=torch.int64),
    )
    return BodyPredictor(Smpl(asset))


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture whose four corners differ, 48 wide and 40 high."""
    rows, columns = np.mgrid[0:40, 0:48]
    pixels = np.stack([rows * 6, columns * 5, (rows + columns) * 2], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels)
