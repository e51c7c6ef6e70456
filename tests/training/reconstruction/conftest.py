import argparse
import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from model.body.predictor import BodyPredictor
from model.checkpoint import load_header
from model.reconstruction.checkpoint import Regressor, save_regressor
from model.reconstruction.network import ReconstructionConfig, ReconstructionNetwork
from tests.training.reconstruction.people_world import (
    HEADER,
    OF_COCO,
    KnowingNetwork,
    write_body,
    write_people,
    write_silhouette_network,
)
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.reconstruction import preparing
from training.reconstruction.recipe import DataRecipe, ReconstructionRecipe
from training.reconstruction.regressor_file import normal_intervals, save_keypoints
from training.reconstruction.stored_people import StoredPeople, claim
from training.reconstruction.task import set_typical_pose

TINY = ReconstructionConfig(variant=-1, widths=(8, 16), grid=2, cell_width=8, hidden_width=32)


@pytest.fixture(scope="session")
def body_path(tiny_body: BodyPredictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_body(tmp_path_factory.mktemp("body") / "body.safetensors", tiny_body)


@pytest.fixture(scope="session")
def silhouette_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("silhouette")
    return write_silhouette_network(folder / "silhouette.safetensors")


@pytest.fixture(scope="session")
def people_folder(tiny_body: BodyPredictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six subjects with two frames each."""
    return write_people(tmp_path_factory.mktemp("people") / "people", tiny_body, 6)


def prepare_arguments(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    preparing.configure(parser)
    return parser.parse_args([*map(str, words)])


def prepare_folder(
    folder: Path,
    out: Path,
    body: BodyPredictor,
    network: KnowingNetwork,
    body_digest: str = "",
    seed: int = 3,
) -> Path:
    """What `data reconstruction` stores of a folder, without a network to load."""
    pictures = preparing.list_pictures([folder])
    settings = {
        "num_parts": preparing.num_parts(pictures),
        "silhouette": "c0ffee",
        "body": body_digest,
        "seeds": [seed],
        "recorded_poses": True,
    }
    claim(out, settings)
    save_keypoints(out, body.smpl.J_regressor.numpy()[OF_COCO])
    preparing.prepare(out, pictures, network, body, 48, 4)
    return out


@pytest.fixture(scope="session")
def prepared(
    people_folder: Path,
    tiny_body: BodyPredictor,
    body_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What is stored of `people_folder`; in one picture the network missed the person."""
    out = tmp_path_factory.mktemp("prepared") / "prepared"
    network = KnowingNetwork(people_folder, frozenset({("maleBatch001/0001", 1)}))
    return prepare_folder(people_folder, out, tiny_body, network, load_header(body_path).sha256)


@pytest.fixture(scope="session")
def stored(prepared: Path) -> StoredPeople:
    return StoredPeople.open([prepared])


@pytest.fixture
def recipe(prepared: Path, body_path: Path) -> ReconstructionRecipe:
    return ReconstructionRecipe(
        stages=(Stage(image_size=32, steps=2, batch_size=4), Stage(32, steps=2, batch_size=2)),
        network=TINY,
        data=DataRecipe(people=(str(prepared),), body=str(body_path), validation_fraction=0.5),
        num_vertices=40,
        optimisation=Optimisation(warmup_steps=1, average_decay=0.0),
        routine=Routine(num_workers=0),
    )


@pytest.fixture(scope="session")
def regressor_path(
    body_path: Path,
    tiny_body: BodyPredictor,
    stored: StoredPeople,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A checkpoint with drawn weights, beside the body that it belongs to."""
    return write_regressor(tmp_path_factory.mktemp("regressor"), body_path, tiny_body, stored)


def write_regressor(
    folder: Path,
    body_path: Path,
    body: BodyPredictor,
    stored: StoredPeople,
    inputs: str = "photo_and_map",
) -> Path:
    torch.manual_seed(0)
    network = ReconstructionNetwork(dataclasses.replace(TINY, inputs=inputs))
    set_typical_pose(network, stored)
    with torch.no_grad():
        network.results.weight.mul_(20)
    shutil.copy(body_path, folder / "body_neutral.safetensors")
    path = folder / f"{inputs}.safetensors"
    regressor = Regressor(
        network,
        32,
        load_header(body_path).sha256,
        body.smpl.J_regressor[OF_COCO],
        normal_intervals(),
        error_correlation=0.5,
    )
    save_regressor(path, regressor, HEADER)
    return path


@pytest.fixture(scope="session")
def test_people(
    tiny_body: BodyPredictor, body_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Prepared people of another seed: four subjects with two frames each."""
    root = tmp_path_factory.mktemp("test-people")
    people = write_people(root / "people", tiny_body, 4, seed=7)
    digest = load_header(body_path).sha256
    return prepare_folder(people, root / "prepared", tiny_body, KnowingNetwork(people), digest, 8)
