import errno
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model.errors import CheckpointError, InvalidInputError
from training.engine.atomic import StorageError, leftovers, replacing, writing
from training.engine.curve_log import CurveLog
from training.engine.run import RunFolder
from training.engine.state import load_state, save_state

STATE = {"weights": [torch.arange(6.0), torch.ones(2, 1, dtype=torch.bfloat16)], "step": 3}


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that was saved after steps 1 and 2."""
    folder = RunFolder.create(tmp_path / "run", {})
    for step in (1, 2):
        folder.save_last({"step": step, "weights": torch.full((100,), float(step))})
    return folder


def test_no_flipped_bit_and_no_lost_end_goes_unnoticed(tmp_path: Path) -> None:
    path, rng = tmp_path / "state.safetensors", random.Random(0)
    save_state(path, STATE)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged if position % 4 else whole[:position])
        with pytest.raises(CheckpointError, match=r"state\.safetensors"):
            load_state(path)


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, empty])
def test_a_damaged_state_is_named_and_the_one_before_is_taken(
    folder: RunFolder, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder.last)
    with caplog.at_level(logging.WARNING):
        state = folder.load_last()
    assert state is not None
    assert state["step"] == 1
    (message,) = caplog.messages
    assert f"{folder.last} is damaged" in message
    assert "continuing from previous.safetensors" in message


def test_with_both_states_damaged_nothing_is_guessed(folder: RunFolder) -> None:
    truncate(folder.last)
    flip_a_bit(folder.previous)
    with pytest.raises(CheckpointError, match="no other state to continue from") as caught:
        folder.load_last()
    assert str(folder.last) in str(caught.value)
    assert str(folder.previous) in str(caught.value)


def test_a_damaged_state_never_takes_the_place_of_a_good_one(folder: RunFolder) -> None:
    truncate(folder.last)
    damaged = folder.last.read_bytes()
    folder.clear_away()
    assert (folder.path / "damaged-last.safetensors").read_bytes() == damaged
    folder.save_last({"step": 3})
    assert [load_state(path)["step"] for path in (folder.last, folder.previous)] == [3, 1]


def test_a_kill_between_the_two_renames_costs_one_save(folder: RunFolder) -> None:
    folder.last.replace(folder.previous)
    state = folder.load_last()
    assert state is not None
    assert state["step"] == 2
    with pytest.raises(InvalidInputError, match="already holds a run"):
        RunFolder.create(folder.path, {})


def test_half_written_files_are_cleared_away(folder: RunFolder) -> None:
    half = folder.path / ".last.abc.safetensors"
    half.write_bytes(b"half")
    assert leftovers(folder.last) == [half]
    folder.clear_away()
    assert not half.exists()
    assert folder.last.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_one_and_leaves_the_old_file(tmp_path: Path, code: int) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fill_the_disk() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise OSError(code, "the disk is full")

    with pytest.raises(StorageError, match=r"file\.txt cannot be written: the disk is full"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path / "file"):
        (tmp_path / "missing").read_text()


def test_a_state_that_a_full_disk_cut_off_leaves_the_old_one(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(_tensors: Any, path: Path, _metadata: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("training.engine.state.save_file", cut_off)
    for save in (folder.save_last, folder.save_best):
        with pytest.raises(StorageError, match="No space left on device"):
            save({"step": 3})
    assert [load_state(path)["step"] for path in (folder.last, folder.previous)] == [2, 1]


def test_a_row_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "learned.csv").write_text("step,loss\n9,0.5\n10,0.25\n1")
    (tmp_path / "judged.csv").write_text("ste")
    with CurveLog(tmp_path, first_step=10) as curves:
        curves.write("learned", 11, {"loss": 0.125})
        curves.write("judged", 11, {"score": 1.0})
    assert (tmp_path / "learned.csv").read_text().split() == [
        "step,loss",
        "9,0.5",
        "10,0.25",
        "11,0.125",
    ]
    assert (tmp_path / "judged.csv").read_text().split() == ["step,score", "11,1.0"]
