import argparse
from pathlib import Path

import pytest

from model.body.predictor import BodyPredictor
from tests.training.reconstruction.people_world import (
    KnowingNetwork,
    write_body,
    write_people,
    write_silhouette_network,
)
from training.reconstruction import preparing
from training.reconstruction.stored_people import StoredPeople, claim


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


def prepare_folder(folder: Path, out: Path, body: BodyPredictor, network: KnowingNetwork) -> Path:
    """What `data reconstruction` stores of a folder, without a network to load."""
    pictures = preparing.list_pictures([folder])
    claim(out, {"num_parts": preparing.num_parts(pictures), "silhouette": "c0ffee"})
    preparing.prepare(out, pictures, network, body, 48, 4)
    return out


@pytest.fixture(scope="session")
def prepared(
    people_folder: Path, tiny_body: BodyPredictor, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What is stored of `people_folder`; in one picture the network missed the person."""
    out = tmp_path_factory.mktemp("prepared") / "prepared"
    network = KnowingNetwork(people_folder, frozenset({("maleBatch001/0001", 1)}))
    return prepare_folder(people_folder, out, tiny_body, network)


@pytest.fixture(scope="session")
def stored(prepared: Path) -> StoredPeople:
    return StoredPeople.open([prepared])
