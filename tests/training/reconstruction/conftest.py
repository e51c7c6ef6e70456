import argparse
from pathlib import Path

import pytest

from model.body.predictor import BodyPredictor
from tests.training.reconstruction.people_world import (
    write_body,
    write_people,
    write_silhouette_network,
)
from training.reconstruction import preparing
from training.reconstruction.stored_people import StoredPeople


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


@pytest.fixture(scope="session")
def prepared(
    people_folder: Path,
    silhouette_path: Path,
    body_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What `data reconstruction` stores of `people_folder`."""
    out = tmp_path_factory.mktemp("prepared") / "prepared"
    words = ("--data", people_folder, "--silhouette", silhouette_path, "--out", out)
    assert preparing.run(prepare_arguments(*words, "--body", body_path, "--side", 48)) == 0
    return out


@pytest.fixture(scope="session")
def stored(prepared: Path) -> StoredPeople:
    return StoredPeople.open([prepared])
