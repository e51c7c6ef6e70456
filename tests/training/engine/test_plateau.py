import dataclasses
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from model.errors import InvalidInputError
from training.engine.loop import Outcome, Routine, fit
from training.engine.optimisation import Optimisation, Plateau, learning_rate_at
from training.engine.run import RunFolder
from training.engine.run_progress import RunProgress
from training.engine.state import load_state
from training.engine.tasks import SupervisedTask

SETTINGS = Optimisation(
    learning_rate=0.1,
    warmup_steps=0,
    precision="fp32",
    schedule="plateau",
    plateau_factor=0.5,
    plateau_patience=1,
)
SCORES = [0.1, 0.2, 0.2, 0.2, 0.15, 0.3, 0.3, 0.1, 0.2, 0.1, 0.1, 0.1]


class Numbers(NamedTuple):
    inputs: Tensor


def scripted(
    scores: list[float],
    settings: Optimisation = SETTINGS,
    losses: list[float] | None = None,
) -> SupervisedTask[Numbers]:
    """A task whose judgements are known beforehand, by the steps done."""

    def objective(network: nn.Module, batch: Numbers) -> dict[str, Tensor]:
        return {"loss": network(batch.inputs).square().mean() * 0 + 1}

    def judgement(network: nn.Module, batches: Iterable[Numbers]) -> dict[str, float]:
        judged = {"score": scores[task.step - 1]}
        return judged if losses is None else judged | {"loss": losses[task.step - 1]}

    torch.manual_seed(0)
    task = SupervisedTask(
        nn.Linear(2, 1), objective, judgement, settings, len(scores), torch.device("cpu")
    )
    return task


def run(
    task: SupervisedTask[Numbers],
    folder: Path,
    num_steps: int,
    stop_after: int = 0,
    routine: Routine | None = None,
) -> Outcome:
    def batches_from(step: int) -> Iterator[Numbers]:
        for number in range(step, num_steps):
            if number + 1 == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)
            yield Numbers(torch.ones(1, 2))

    path = RunFolder.open(folder) if folder.exists() else RunFolder.create(folder, {})
    routine = routine or Routine(judge_every=1, save_every=1, log_every=1)
    return fit(task, batches_from, lambda: [], num_steps, routine, path)


@pytest.mark.parametrize(("patience", "delta"), [(0, 0.0), (1, 0.0), (2, 0.05)])
def test_the_rate_falls_where_torchs_scheduler_lowers_it(patience: int, delta: float) -> None:
    settings = dataclasses.replace(SETTINGS, plateau_patience=patience, plateau_delta=delta)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, "max", 0.5, patience, threshold=delta, threshold_mode="abs", eps=0
    )
    ours = Plateau()
    for score in SCORES:
        theirs.step(score)
        ours.judge(score, settings)
        assert ours.scale == optimiser.param_groups[0]["lr"]
    assert ours.scale < 1


def test_a_score_that_is_no_number_is_no_rise() -> None:
    plateau = Plateau(best=0.1)
    plateau.judge(float("nan"), SETTINGS)
    assert (plateau.best, plateau.waited) == (0.1, 1)


def test_after_the_warm_up_the_rate_waits_for_the_plateau() -> None:
    settings = dataclasses.replace(SETTINGS, warmup_steps=4)
    rates = [learning_rate_at(step, 20, settings) for step in range(20)]
    assert rates[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert set(rates[4:]) == {0.1}


def test_a_task_learns_at_the_lowered_rate() -> None:
    task = scripted(SCORES)
    rates = []
    for _ in SCORES:
        rates.append(float(task.learn(Numbers(torch.ones(1, 2)))["learning_rate"]))
        task.judge([])
    assert rates[:4] == pytest.approx([0.1] * 4)
    assert rates[4] == pytest.approx(0.05)


def test_scores_do_not_change_a_cosine() -> None:
    settings = dataclasses.replace(SETTINGS, schedule="cosine")
    task = scripted(SCORES, settings)
    for step in range(len(SCORES)):
        rate = float(task.learn(Numbers(torch.ones(1, 2)))["learning_rate"])
        assert rate == pytest.approx(learning_rate_at(step, len(SCORES), settings))
        task.judge([])


@pytest.mark.parametrize("stop_after", [3, 4, 8])
def test_a_plateau_goes_on_where_a_run_was_interrupted(tmp_path: Path, stop_after: int) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run(scripted(SCORES), unbroken, len(SCORES))
    assert not run(scripted(SCORES), broken, len(SCORES), stop_after).finished
    assert run(scripted(SCORES), broken, len(SCORES)).finished
    one, other = (load_state(folder / "last.safetensors") for folder in (unbroken, broken))
    assert one["task"]["plateau"] == other["task"]["plateau"]
    torch.testing.assert_close(one["task"]["network"], other["task"]["network"], rtol=0, atol=0)


LOSSES = [1.0, 1.1, 1.6, 1.7, 1.2, 1.5, 1.9, 2.0]
"""The learned loss is 1 throughout."""


def test_a_run_ends_when_it_overfits_for_too_long(tmp_path: Path) -> None:
    rising = [0.1 * step for step in range(1, 9)]
    routine = Routine(judge_every=1, save_every=1, log_every=1, patience=2, max_gap=0.5)
    outcome = run(scripted(rising, losses=LOSSES), tmp_path / "run", 8, routine=routine)
    assert (outcome.step, outcome.finished) == (4, True)
    # The best weights are those with the best score, overfitted or not.
    assert outcome.metrics["score"] == pytest.approx(0.4)
    limitless = dataclasses.replace(routine, max_gap=0.0)
    outcome = run(scripted(rising, losses=LOSSES), tmp_path / "free", 8, routine=limitless)
    assert outcome.step == 8


def test_the_learned_loss_is_the_mean_since_the_last_judgement() -> None:
    progress = RunProgress()
    for loss in (3.0, 1.0):
        progress.note_loss(loss)
    assert progress.gap(2.5) == 0.5
    again = RunProgress.from_state(progress.as_state())
    assert again.gap(2.5) == 0.5
    again.judge({"score": 1.0}, 0.0)
    again.note_loss(2.0)
    assert again.gap(2.5) == 0.5


def test_a_limit_needs_losses_to_compare(tmp_path: Path) -> None:
    routine = Routine(judge_every=1, save_every=1, log_every=1, max_gap=0.5)
    with pytest.raises(InvalidInputError, match="max_gap needs a validation loss"):
        run(scripted(SCORES), tmp_path / "run", len(SCORES), routine=routine)
    with pytest.raises(ValueError, match="log_every is 20"):
        Routine(judge_every=10, max_gap=0.5)


@pytest.mark.parametrize(
    "setting", [{"plateau_factor": 1.0}, {"plateau_patience": -1}, {"plateau_delta": float("nan")}]
)
def test_an_impossible_plateau_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Optimisation(**setting)  # type: ignore[arg-type]
