import csv
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from model.errors import CheckpointError, InvalidInputError
from training.engine.atomic import replacing
from training.engine.batches import Stage, StagedBatches, check_shares, num_steps
from training.engine.interruption import noted_signals
from training.engine.loop import Outcome, Routine, fit, progress_bar, show
from training.engine.optimisation import Optimisation, learning_rate_at, make_optimisers
from training.engine.precision import autocast_dtype
from training.engine.run import RunFolder
from training.engine.seeding import sample_generator, seed_step
from training.engine.state import load_state, save_state
from training.engine.tasks import SupervisedTask, split
from training.engine.weight_average import WeightAverage

CPU = torch.device("cpu")
STEPS = 6


class Points(NamedTuple):
    inputs: Tensor
    outputs: Tensor


def points(step: int) -> Points:
    generator = torch.Generator().manual_seed(step)
    inputs = torch.randn(8, 3, 4, 4, generator=generator)
    return Points(inputs, inputs.sum(1, keepdim=True))


def points_from(step: int) -> Iterator[Points]:
    yield from (points(number) for number in range(step, STEPS))


def squared_error(network: nn.Module, batch: Points) -> dict[str, Tensor]:
    return {"loss": ((network(batch.inputs) - batch.outputs) ** 2).mean()}


def judgement(network: nn.Module, batches: Iterable[Points]) -> dict[str, float]:
    errors = [float(squared_error(network, batch)["loss"]) for batch in batches]
    return {"error": sum(errors), "score": -sum(errors)}


def make_task(
    steps: int = STEPS, dropout: float = 0.2, **settings: float | str
) -> SupervisedTask[Points]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.Dropout(dropout),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.Conv2d(16, 1, 1),
    )
    optimisation = Optimisation(precision="fp32", warmup_steps=2, **settings)  # type: ignore[arg-type]
    return SupervisedTask(network, squared_error, judgement, optimisation, steps, CPU)


def run(task: SupervisedTask[Points], folder: RunFolder, batches: Iterable[Points]) -> Outcome:
    routine = Routine(judge_every=2, save_every=1, log_every=1, num_workers=0)
    return fit(task, lambda _: batches, lambda: [points(1000)], STEPS, routine, folder)


def interrupted_after(step: int) -> Iterator[Points]:
    for number, batch in enumerate(points_from(0)):
        if number + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        yield batch


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_resumed_run_ends_where_an_unbroken_run_ends(tmp_path: Path, optimiser: str) -> None:
    unbroken, broken = (RunFolder.create(tmp_path / name, {}) for name in ("a", "b"))
    assert run(make_task(optimiser=optimiser), unbroken, points_from(0)).finished
    stopped = run(make_task(optimiser=optimiser), broken, interrupted_after(3))
    assert (stopped.step, stopped.finished) == (3, False)
    torch.manual_seed(99)  # what happened in between must not matter
    resumed = make_task(optimiser=optimiser)
    assert ("muon" in resumed.optimisers) == (optimiser == "muon")
    routine = Routine(judge_every=2, save_every=1, log_every=1, num_workers=0)
    assert fit(resumed, points_from, lambda: [points(1000)], STEPS, routine, broken).finished
    torch.testing.assert_close(load_state(broken.last), load_state(unbroken.last), rtol=0, atol=0)
    curves = (folder.path / "judged.csv" for folder in (broken, unbroken))
    assert len({curve.read_text() for curve in curves}) == 1


def test_an_interrupted_run_has_each_step_once_in_its_curves(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", {})
    run(make_task(), folder, interrupted_after(4))
    # As if the process had died two steps after the state was saved.
    with (folder.path / "learned.csv").open("a") as file:
        file.write("5,0,0,0,0\n6,0,0,0,0\n")
    run(make_task(), folder, points_from(4))
    with (folder.path / "learned.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(float(row["loss"]) > 0 for row in rows)


def test_a_task_overfits_one_batch() -> None:
    task = make_task(steps=200, dropout=0.0, learning_rate=0.03, weight_decay=0.0)
    losses = [float(task.learn(points(0))["loss"]) for _ in range(200)]
    assert losses[-1] < 0.02 * losses[0]


def test_accumulated_parts_move_the_weights_as_the_whole_batch_does() -> None:
    tasks = []
    for parts in (1, 4):
        torch.manual_seed(0)
        network = nn.Conv2d(3, 1, 1).double()  # without a batch norm, which would see the parts
        settings = Optimisation(precision="fp32", warmup_steps=2, accumulate=parts)
        tasks.append(SupervisedTask(network, squared_error, judgement, settings, STEPS, CPU))
    for batch in points_from(0):
        batch = Points(*(layer.double() for layer in batch))
        whole, accumulated = (task.learn(batch) for task in tasks)
        assert accumulated["loss"].item() == pytest.approx(whole["loss"].item(), abs=1e-12)
    states = [task.network.state_dict() for task in tasks]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=1e-12)


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    stages = (Stage(32, steps=1, batch_size=12), Stage(64, steps=1, batch_size=8))
    check_shares(stages, num_processes=2, accumulate=2)
    with pytest.raises(InvalidInputError, match=r"stages\.1\.batch_size is 8.*multiple of 12"):
        check_shares(stages, num_processes=3, accumulate=4)
    with pytest.raises(ValueError, match="8 samples cannot be split into 3 equal parts"):
        split(points(0), 3)


def test_the_best_weights_are_kept_and_are_the_average(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", {})
    task = make_task()
    outcome = run(task, folder, points_from(0))
    best = folder.load_best()
    assert best["metrics"] == outcome.metrics
    with (folder.path / "judged.csv").open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    assert best["metrics"]["score"] == max(scores)
    network = make_task().average.network
    network.load_state_dict(best["task"]["average"])
    assert judgement(network, [points(1000)]) == outcome.metrics


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", {"seed": 0})
    folder = RunFolder.create(tmp_path / "run", {"seed": 1})  # nothing was saved, nothing is lost
    assert RunFolder.open(tmp_path / "run").describe()["recipe"] == {"seed": 1}
    with pytest.raises(InvalidInputError, match="no run to continue"):
        RunFolder.open(tmp_path / "other")
    with pytest.raises(InvalidInputError, match="no validated weights"):
        folder.load_best()
    folder.save_last({})
    with pytest.raises(InvalidInputError, match="already holds a run"):
        RunFolder.create(tmp_path / "run", {})


def test_stages_follow_one_another_and_can_be_entered_anywhere() -> None:
    stages = (Stage(image_size=32, steps=2, batch_size=3), Stage(64, steps=2, batch_size=1))
    whole = list(StagedBatches(stages))
    assert [[key.index for key in keys] for keys in whole] == [[0, 1, 2], [3, 4, 5], [6], [7]]
    assert [keys[0].image_size for keys in whole] == [32, 32, 64, 64]
    for step in range(num_steps(stages) + 1):
        assert list(StagedBatches(stages, step)) == whole[step:]
        assert len(StagedBatches(stages, step)) == len(whole) - step


def test_the_learning_rate_warms_up_and_falls_along_a_cosine() -> None:
    settings = Optimisation(learning_rate=1.0, warmup_steps=10, final_fraction=0.1)
    rates = [learning_rate_at(step, 110, settings) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[10] == 1
    assert rates[60] == pytest.approx(0.55)
    assert rates[110] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_norms_and_biases_do_not_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimisers = make_optimisers(network, Optimisation(weight_decay=0.3))
    assert list(optimisers) == ["adamw"]
    decaying, other = optimisers["adamw"].param_groups
    assert [p.shape for p in decaying["params"]] == [(4, 3, 3, 3)]
    assert decaying["weight_decay"] == 0.3
    assert len(other["params"]) == 3
    assert other["weight_decay"] == 0


def test_the_average_follows_weights_and_statistics_and_copies_counters() -> None:
    network = nn.BatchNorm2d(1)
    average = WeightAverage(network, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(3)
        network.running_mean.fill_(10)  # type: ignore[union-attr]
        network.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    average.follow(network, step=10**6)
    state = average.network.state_dict()
    assert state["weight"].item() == pytest.approx(0.9 * 1 + 0.1 * 3)
    assert state["running_mean"].item() == pytest.approx(1)
    assert state["num_batches_tracked"].item() == 7
    early = WeightAverage(nn.BatchNorm2d(1), decay=0.9)
    early.follow(network, step=0)
    assert early.network.state_dict()["weight"].item() == pytest.approx(0.1 * 1 + 0.9 * 3)


def test_a_state_comes_back_as_it_went(tmp_path: Path) -> None:
    state = {
        "tensors": {0: torch.arange(3), "half": torch.ones(2, dtype=torch.bfloat16)},
        "plain": [1, 0.1, True, None, "text", -float("inf")],
        "tuple": (0.9, 0.999),
        "empty": {},
        "number": torch.tensor(3.0),
    }
    save_state(tmp_path / "state.safetensors", state)
    loaded = load_state(tmp_path / "state.safetensors")
    assert loaded.pop("plain") == state.pop("plain")
    torch.testing.assert_close(loaded, state, rtol=0, atol=0)


def test_a_damaged_or_foreign_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(FileNotFoundError):
        load_state(path)
    path.write_bytes(b"PK\x03\x04 nothing of ours")
    with pytest.raises(CheckpointError, match="not a safetensors file at all"):
        load_state(path)
    with pytest.raises(ValueError, match="cannot hold a set"):
        save_state(path, {"a": {1, 2}})


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "new"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, even in a shell's background job, which is born ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_first_signal_is_noted_and_a_second_one_acts() -> None:
    with noted_signals() as noted:
        os.kill(os.getpid(), signal.SIGINT)
        assert noted == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_progress_bar_in_a_file_is_not_drawn_for_every_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_bar(1000, 0, shown=True) as bar:
        for _ in range(1000):
            bar.update()
            show(bar, {"loss": 0.25, "samples_per_second": 123.0})
    drawn = capsys.readouterr().err
    assert drawn.count("training:") <= 3
    assert "loss=0.25, samples/s=123" in drawn
    with progress_bar(1000, 0, shown=False) as bar:
        bar.update()
    assert capsys.readouterr().err == ""


def test_each_step_and_each_process_has_its_own_chance() -> None:
    drawn = []
    for step, process in ((0, 0), (0, 0), (1, 0), (0, 1)):
        seed_step(7, step, process)
        drawn.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[1]
    assert len({tuple(numbers) for numbers in drawn}) == 3


def test_samples_have_generators_of_their_own() -> None:
    first = sample_generator(0, 5).random(4)
    assert (sample_generator(0, 5).random(4) == first).all()
    others = [sample_generator(0, 6), sample_generator(1, 5)]
    assert all((other.random(4) != first).all() for other in others)


def test_float16_is_for_cuda() -> None:
    assert autocast_dtype("fp32", CPU) is None
    assert autocast_dtype("bf16", CPU) is torch.bfloat16
    assert autocast_dtype("auto", CPU) in (None, torch.bfloat16)
    with pytest.raises(ValueError, match="needs a CUDA device"):
        autocast_dtype("fp16", CPU)


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 0.0}, {"average_decay": 1.0}, {"clip_norm": -1.0}, {"accumulate": 0}],
)
def test_settings_that_cannot_train_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Optimisation(**settings)  # type: ignore[arg-type]
