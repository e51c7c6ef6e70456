"""Two processes that share a batch train the network that one process trains."""

import csv
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from training.engine.batches import Stage, StagedBatches
from training.engine.distributed import weighted_mean
from training.engine.precision import pick_device
from training.engine.state import load_state

from .conftest import WarmProcess

CPU = torch.device("cpu")
RECIPE = """
device = "cpu"
[network]
num_stacks = 1
num_features = 8
depth = 1
[data]
validation_fraction = 0.5
cache = "{cache}"
keypoints = "{keypoints}"
[optimisation]
precision = "fp32"
[routine]
judge_every = 5
save_every = 1
log_every = 1
num_workers = 0
[[stages]]
image_size = 16
steps = {steps}
batch_size = 4
"""


def learned(warm: WarmProcess, folder: Path, processes: int, **values: Any) -> list[dict[str, Any]]:
    """What each process has after ten steps."""
    out = folder / f"{processes}-processes"
    if processes == 1:
        assert warm.run("learn", out=str(out), steps=10, **values) == 0
    else:
        statuses = warm.run_together(processes, "learn", out=str(out), steps=10, **values)
        assert statuses == [0] * processes, warm.log.read_text()
    return [load_state(Path(f"{out}-{rank}")) for rank in range(processes)]


@pytest.mark.parametrize(
    ("optimiser", "accumulate"), [("adamw", 1), ("adamw", 2), ("muon", 1), ("muon", 2)]
)
def test_two_processes_learn_what_one_learns(
    warm: WarmProcess, tmp_path: Path, optimiser: str, accumulate: int
) -> None:
    # In double precision: in a single one a ReLU that rounding opens or closes, and Adam's division
    # of a gradient of zero by its own rounding error, soon set any two orders of summation apart,
    # within one process too.
    settings = {"dtype": "float64", "optimiser": optimiser, "accumulate": accumulate}
    (alone,) = learned(warm, tmp_path, 1, **settings)
    first, second = learned(warm, tmp_path, 2, **settings)
    assert ("muon" in alone["task"]["optimisers"]) == (optimiser == "muon")
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first["curves"], alone["curves"], rtol=0, atol=1e-8)
    torch.testing.assert_close(first["task"], alone["task"], rtol=0, atol=1e-8)


@pytest.fixture
def fit(shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path) -> list[str]:
    recipe = tmp_path / "recipe.toml"
    text = RECIPE.format(cache=tmp_path / "cache", keypoints=ccp_keypoints, steps=20)
    recipe.write_text(text)
    return [
        *("fit", "silhouette", "--recipe", str(recipe)),
        *("--data", str(shader_folder), "--ccp", str(ccp_folder), "--out"),
    ]


def losses(run: Path) -> list[float]:
    with (run / "learned.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
    return [float(row["loss"]) for row in rows]


def test_a_shared_run_that_one_process_is_told_to_stop_goes_on_as_if_it_were_unbroken(
    warm: WarmProcess, fit: list[str], tmp_path: Path
) -> None:
    alone, unbroken, broken = (tmp_path / name for name in ("alone", "unbroken", "broken"))
    assert warm.run("command", arguments=[*fit, str(alone)]) == 0
    assert warm.run_together(2, "command", arguments=[*fit, str(unbroken)]) == [0, 0]
    children = warm.start_together(2, "command", arguments=[*fit, str(broken)])
    deadline = time.monotonic() + 60
    while not (broken / "previous.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(children[1], signal.SIGTERM)
    assert [warm.wait(child) for child in children] == [128 + signal.SIGTERM] * 2
    assert 2 <= len(losses(broken)) < 20
    resume = [*fit, str(broken), "--resume"]
    assert warm.run_together(2, "command", arguments=resume) == [0, 0]
    for name in ("last", "best"):
        states = [load_state(run / f"{name}.safetensors") for run in (broken, unbroken)]
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert losses(broken) == losses(unbroken)
    # Near, not equal: on CPUs each process's batch norms normalise by its own share.
    assert losses(unbroken)[0] == pytest.approx(losses(alone)[0], rel=0.1)
    assert (unbroken / "silhouette.safetensors").exists()
    sessions = json.loads((broken / "run.json").read_text())["sessions"]
    assert [session["num_processes"] for session in sessions] == [2, 2]
    assert all(session["device"] for session in sessions)


def test_a_batch_that_processes_cannot_share_is_refused(
    warm: WarmProcess, fit: list[str], tmp_path: Path
) -> None:
    statuses = warm.run_together(3, "command", arguments=[*fit, str(tmp_path / "run")])
    assert statuses == [1, 1, 1]
    message = "stages.0.batch_size is 4; with 3 process(es) and accumulate = 1"
    assert message in warm.log.read_text()


def test_shares_make_up_the_batch_and_parts_of_shares_its_parts() -> None:
    stages = (Stage(32, steps=2, batch_size=8), Stage(64, steps=1, batch_size=4))
    whole = list(StagedBatches(stages))
    shares = [list(StagedBatches(stages, 0, rank, num_processes=2)) for rank in range(2)]
    for step, batch in enumerate(whole):
        found = [share[step] for share in shares]
        assert {key.index for keys in found for key in keys} == {key.index for key in batch}
        half = len(batch) // 2
        firsts = {key.index for keys in found for key in keys[: half // 2]}
        assert firsts == {key.index for key in batch[:half]}


def test_a_weighted_mean_is_over_what_counts() -> None:
    values, weights = torch.tensor([1.0, 2.0, 100.0]), torch.tensor([3.0, 1.0, 0.0])
    assert weighted_mean(values, weights).item() == pytest.approx(5 / 4)
    assert weighted_mean(values, torch.zeros(3)).item() == 0


def test_each_process_takes_the_device_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device("cuda") == torch.device("cuda")
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert pick_device("cuda") == torch.device("cuda", 1)
    assert pick_device("cpu") == CPU
