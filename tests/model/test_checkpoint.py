import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.checkpoint import (
    CheckpointHeader,
    TrainingPart,
    digest,
    load_checkpoint,
    load_header,
    save_checkpoint,
)
from model.errors import CheckpointError

HEADER = CheckpointHeader(
    "test-network",
    {"width": 3},
    (TrainingPart({"seed": 1}, "abc", "nothing", 0),),
    {"error": 0.5},
    "Apache-2.0",
)

PART = {"recipe": {}, "commit": "abc", "data": "nothing", "steps": 3}


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return {
        "weight": torch.randn(3, 4),
        "empty": torch.zeros(5, 0),
        "steps": torch.tensor(7),
        "half": torch.randn(2).half(),
    }


def test_what_is_saved_is_what_is_loaded(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    header, loaded = load_checkpoint(path, "test-network")
    assert header == dataclasses.replace(HEADER, sha256=digest(tensors))
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_the_header_alone_can_be_read(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    assert load_header(path) == load_checkpoint(path, "test-network")[0]


def test_a_header_sums_its_lineage_up() -> None:
    parts = (
        TrainingPart({}, "old", "photos", 9),
        TrainingPart({}, "newer", "people", 5),
        TrainingPart({}, "newest", "photos", 2),
    )
    header = dataclasses.replace(HEADER, lineage=parts)
    assert header.commit == "newest"
    assert header.trained_on == "photos; people"


def test_saving_leaves_nothing_else_behind_and_replaces_the_old_file(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {}, HEADER)
    save_checkpoint(path, tensors, HEADER)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert load_checkpoint(path, "test-network")[1].keys() == tensors.keys()


def test_a_save_that_fails_keeps_the_old_file(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_checkpoint(path, tensors, dataclasses.replace(HEADER, config={"x": object()}))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_same_tensors_and_header_give_the_same_bytes(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, tensors, HEADER)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.safetensors", "test-network")


def test_another_architecture_is_refused(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    save_checkpoint(tmp_path / "a", tensors, HEADER)
    with pytest.raises(CheckpointError, match=r"holds a 'test-network'; a 'other' is needed"):
        load_checkpoint(tmp_path / "a", "other")


@pytest.mark.parametrize("length", [0, 4, 100, -3])
def test_a_truncated_file_is_named_as_damaged(
    tmp_path: Path, tensors: dict[str, Tensor], length: int
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"a\.safetensors"):
        load_checkpoint(path, "test-network")


def test_a_flipped_bit_in_the_tensors_is_noticed(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged: its tensors have sha256"):
        load_checkpoint(path, "test-network")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "header format 'other'"),
        ({"licence": None}, "lacks licence"),
        ({"config": "{"}, "not JSON"),
        ({"config": "[]"}, r"config of a\.safetensors is \[\]; dict is needed"),
        ({"author": "me"}, "unknown fields author"),
        ({"lineage": "{}"}, "list is needed"),
        ({"lineage": "[]"}, "at least one part is needed"),
        ({"lineage": "[3]"}, "part 0 in the lineage"),
        ({"lineage": json.dumps([PART | {"steps": "3"}])}, "steps of part 0 .* int is needed"),
        ({"lineage": json.dumps([PART, PART | {"hours": 3}])}, "part 1 .* unknown fields hours"),
        ({"lineage": json.dumps([{"recipe": {}, "commit": ""}])}, "lacks data, steps"),
    ],
)
def test_a_header_of_another_kind_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor], change: dict[str, str | None], message: str
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, HEADER)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    metadata = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"] | change
    kept = {name: value for name, value in metadata.items() if value is not None}
    save_file(load_file(path), path, kept)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, "test-network")
