"""Runs that are killed, stopped, or out of disk end where an unbroken run ends."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from training.engine.atomic import leftovers
from training.engine.run import RunFolder
from training.engine.state import load_state

from .conftest import WarmProcess

STEPS = 60


@pytest.fixture(scope="session")
def unbroken(warm: WarmProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unbroken") / "run"
    assert warm.run("train", folder=str(path), steps=STEPS) == 0
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        found = list(csv.DictReader(file))
    for row in found:
        row.pop("samples_per_second", None)  # the clock's, not the run's
    return found


def assert_same_end(one: Path, other: Path) -> None:
    for name in ("last", "best"):
        states = [load_state(path / f"{name}.safetensors") for path in (one, other)]
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    for name in ("learned.csv", "judged.csv"):
        assert rows(one / name) == rows(other / name)
    assert [int(row["step"]) for row in rows(one / "learned.csv")] == list(range(1, STEPS + 1))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0002)


def test_a_run_killed_a_dozen_times_ends_where_an_unbroken_run_ends(
    warm: WarmProcess, unbroken: Path, tmp_path: Path
) -> None:
    path, rng = tmp_path / "run", random.Random(0)
    last, curve = path / "last.safetensors", path / "learned.csv"
    during_saves = 0
    path.mkdir()
    (path / ".run.begun.json").write_text('{"rec')  # what a kill before the first step leaves
    for kill in range(12):
        child = warm.start("train", folder=str(path), steps=STEPS)
        if kill:
            reached = (STEPS - 10) * kill // 12
            wait_for(lambda: curve.exists() and curve.read_text().count("\n") > reached)  # noqa: B023
        if kill % 2:
            wait_for(lambda: bool(leftovers(last)))
        else:
            time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        assert warm.wait(child) == -signal.SIGKILL
        during_saves += bool(leftovers(last))
    assert during_saves > 0
    assert warm.run("train", folder=str(path), steps=STEPS) == 0
    assert_same_end(path, unbroken)
    assert leftovers(last) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_told_to_stop_saves_its_step_and_says_by_which_signal(
    warm: WarmProcess, unbroken: Path, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "run"
    child = warm.start("train", folder=str(path), steps=STEPS)
    wait_for(lambda: (path / "previous.safetensors").exists())
    os.kill(child, number)
    if number is signal.SIGTERM:
        os.kill(child, number)  # as when torchrun passes on what a scheduler has sent to all
    assert warm.wait(child) == 128 + number
    state = RunFolder.open(path).load_last()
    assert state is not None
    assert state["step"] == len(rows(path / "learned.csv")) < STEPS
    assert warm.run("train", folder=str(path), steps=STEPS) == 0
    assert_same_end(path, unbroken)


def test_a_disk_that_fills_up_while_saving_costs_nothing_that_was_saved(
    warm: WarmProcess, unbroken: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    assert warm.run("train", folder=str(path), steps=12) == 0
    states = [path / f"{name}.safetensors" for name in ("last", "previous", "best")]
    before = [state.read_bytes() for state in states]
    too_little = len(before[0]) - 1000
    assert warm.run("train", folder=str(path), steps=STEPS, largest_file=too_little) == 1
    assert "last.safetensors cannot be written" in warm.log.read_text()
    assert [state.read_bytes() for state in states] == before
    assert leftovers(states[0]) == []
    assert warm.run("train", folder=str(path), steps=STEPS) == 0
    assert_same_end(path, unbroken)


def test_a_process_ends_though_its_batches_are_still_referred_to(repo_root: Path) -> None:
    program = """
import torch
from torch.utils.data import TensorDataset
from training.engine.batches import batch_loader

keys = [[0, 1], [2, 3]]
batches = iter(batch_loader(TensorDataset(torch.arange(4)), keys, 1, torch.device("cpu")))
next(batches)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=repo_root, timeout=60, check=False)
    assert done.returncode == 0
