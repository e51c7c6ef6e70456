import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.capabilities import Predictors
from app.engine.checkpoint_files import is_there
from app.settings import ConfigurationError, Settings

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user may look into, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Without the rights of root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


def test_a_file_and_a_folder_are_there_and_what_is_missing_is_not(folder: Path) -> None:
    (folder / "a").touch()
    assert is_there(folder)
    assert is_there(folder / "a")
    assert not is_there(folder / "b")
    assert not is_there(folder / "b" / "c")


def test_a_checkpoint_that_may_not_be_read_is_no_missing_one(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    (folder / "silhouette.safetensors").touch(mode=0o000)
    request.getfixturevalue("as_nobody")
    with pytest.raises(ConfigurationError, match=r"silhouette\.safetensors cannot be read by"):
        Predictors.load(Settings(checkpoints=folder, device="cpu"))


def test_a_folder_that_may_not_be_entered_is_no_missing_one(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    locked = folder / "locked"
    (locked / "checkpoints").mkdir(parents=True)
    locked.chmod(0o000)
    request.getfixturevalue("as_nobody")
    with pytest.raises(ConfigurationError, match="cannot be read by the user"):
        Predictors.load(Settings(checkpoints=locked / "checkpoints", device="cpu"))
