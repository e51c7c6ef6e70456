import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from training.engine.loop import Outcome, Routine, fit
from training.engine.run import RunFolder
from training.engine.run_progress import RunProgress


class Nothing(NamedTuple):
    inputs: Tensor


class Scripted:
    """A task whose scores are known beforehand."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores
        self.step = 0

    def learn(self, batch: Nothing) -> dict[str, Tensor]:
        self.step += 1
        return {"loss": torch.tensor(1.0)}

    def judge(self, batches: Iterable[Nothing]) -> dict[str, float]:
        return {"score": self.scores[self.step - 1]}

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


def run(
    scores: list[float], folder: Path, stop_after: int = 0, **settings: float
) -> tuple[Outcome, int]:
    """The outcome, and the steps learned in this part of the run."""

    def batches_from(step: int) -> Iterator[Nothing]:
        for number in range(step, len(scores)):
            if number + 1 == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)
            yield Nothing(torch.zeros(1))

    routine = Routine(judge_every=1, save_every=1, log_every=1, **settings)  # type: ignore[arg-type]
    path = RunFolder.open(folder) if folder.exists() else RunFolder.create(folder, {})
    task = Scripted(scores)
    before = path.load_last() or {"step": 0}
    outcome = fit(task, batches_from, lambda: [], len(scores), routine, path)
    return outcome, task.step - before["step"]


RISE_AND_FALL = [0.1, 0.5, 0.4, 0.3, 0.2, 0.6, 0.1, 0.1, 0.1, 0.1]


def test_a_run_ends_when_its_patience_is_exhausted(tmp_path: Path) -> None:
    outcome, _ = run(RISE_AND_FALL, tmp_path / "run", patience=3)
    assert (outcome.step, outcome.finished) == (5, True)
    assert outcome.metrics == {"score": 0.5}
    outcome, _ = run(RISE_AND_FALL, tmp_path / "patient", patience=4)
    assert (outcome.step, outcome.metrics) == (10, {"score": 0.6})
    outcome, _ = run(RISE_AND_FALL, tmp_path / "endless")
    assert outcome.step == 10


@pytest.mark.parametrize("stop_after", [2, 3, 4])
def test_patience_goes_on_where_a_run_was_interrupted(tmp_path: Path, stop_after: int) -> None:
    outcome, _ = run(RISE_AND_FALL, tmp_path / "run", stop_after=stop_after, patience=3)
    assert (outcome.step, outcome.finished) == (stop_after, False)
    assert outcome.signal is signal.SIGTERM
    outcome, _ = run(RISE_AND_FALL, tmp_path / "run", patience=3)
    assert (outcome.step, outcome.finished) == (5, True)


def test_a_run_that_ended_early_does_not_go_on(tmp_path: Path) -> None:
    run(RISE_AND_FALL, tmp_path / "run", patience=3)
    outcome, learned = run(RISE_AND_FALL, tmp_path / "run", patience=3)
    assert (outcome.step, outcome.finished, learned) == (5, True, 0)
    assert outcome.metrics == {"score": 0.5}


def test_a_small_rise_is_kept_but_is_no_progress() -> None:
    progress = RunProgress()
    assert progress.judge({"score": 0.50}, min_delta=0.1)
    assert progress.judge({"score": 0.55}, min_delta=0.1)
    assert (progress.best, progress.unimproved) == (0.55, 1)
    # Two small steps are one large one.
    assert progress.judge({"score": 0.61}, min_delta=0.1)
    assert progress.unimproved == 0


def test_a_score_that_is_no_number_is_no_progress() -> None:
    progress = RunProgress(reference=-1.0, best=-1.0)
    assert not progress.judge({"score": float("nan")}, min_delta=0.0)
    assert progress.unimproved == 1


@pytest.mark.parametrize(
    "settings", [{"patience": -1}, {"min_delta": -0.1}, {"min_delta": float("nan")}]
)
def test_impossible_patience_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Routine(**settings)  # type: ignore[arg-type]
