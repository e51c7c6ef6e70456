"""The loop: learn, judge, save, until the end or until somebody interrupts."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from signal import Signals
from typing import TypeVar

from torch import Tensor
from tqdm import tqdm

from training.engine.interruption import Interruption
from training.engine.logging import CurveLog
from training.engine.progress import progress_bar, show
from training.engine.run import RunFolder
from training.engine.seeding import seed_step
from training.engine.standing import Standing
from training.engine.tasks import Task

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Routine:
    """What happens every so many steps."""

    judge_every: int = 500
    save_every: int = 500
    log_every: int = 20
    num_workers: int = 1
    """Processes that make samples; for each process of torchrun."""
    patience: int = 0
    """Judgements without progress after which the run ends early; 0 never ends it."""
    min_delta: float = 0.0
    """By how much the score must rise to count as progress."""

    def __post_init__(self) -> None:
        """Refuse intervals that never come.

        Raises:
            ValueError: An interval is not positive, or something else is negative.
        """
        for name in ("judge_every", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("num_workers", "patience", "min_delta"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    """Steps done."""
    finished: bool
    """By its last step or for lack of progress; else it was interrupted, and can be continued."""
    metrics: dict[str, float]
    """Of the best weights so far."""
    signal: Signals | None = None
    """What interrupted it."""


def fit(
    task: Task[Batch],
    batches_from: Callable[[int], Iterable[Batch]],
    judging: Callable[[], Iterable[Batch]],
    num_steps: int,
    routine: Routine,
    run: RunFolder,
    seed: int = 0,
) -> Outcome:
    """Train until `num_steps`, from wherever the run's folder says it is.

    Args:
        task: Fresh; its state is read from the run's folder where there is one.
        batches_from: The batches of this and all later steps; the same for the same step.
        judging: The held-out batches, the same each time.
        num_steps: Of the whole run.
        routine: What happens when.
        run: Where state and curves go.
        seed: Of what is random while learning, such as dropout.

    Raises:
        CheckpointError: What was saved to continue from is damaged.
        StorageError: The disk is full. What was saved before is whole.
    """
    standing = Standing()
    if (state := run.load_last()) is not None:
        task.load_state_dict(state["task"])
        standing = Standing.from_state(state)
        logger.info("continuing after step %d of %d", standing.step, num_steps)
    run.clear_away()
    finished = standing.is_over(num_steps, routine.patience)
    with (
        Interruption() as interruption,
        CurveLog(run.path, standing.step) as curves,
        progress_bar(num_steps, standing.step) as bar,
    ):
        logged_at, num_samples = time.perf_counter(), 0
        for batch in () if finished else batches_from(standing.step):
            seed_step(seed, standing.step)
            scalars = task.learn(batch)
            standing.step += 1
            step, is_last = standing.step, standing.step == num_steps
            num_samples += len(batch[0])
            bar.update()
            if step % routine.log_every == 0 or is_last:
                values = {name: float(value) for name, value in scalars.items()}
                now = time.perf_counter()
                values["samples_per_second"] = num_samples / (now - logged_at)
                logged_at, num_samples = now, 0
                curves.write("learned", step, values)
                show(bar, values)
            if step % routine.judge_every == 0 or is_last:
                judged = task.judge(judging())
                curves.write("judged", step, judged)
                tqdm.write(f"step {step}: " + _sentence(judged))
                if standing.judge(judged, routine.min_delta):
                    run.save_best({"task": task.state_dict(), "step": step, "metrics": judged})
                logged_at, num_samples = time.perf_counter(), 0
            finished = standing.is_over(num_steps, routine.patience)
            if finished or interruption.requested or step % routine.save_every == 0:
                run.save_last({"task": task.state_dict(), **standing.as_state()})
            if finished or interruption.requested:
                break
    _report(standing, num_steps, finished)
    return Outcome(standing.step, finished, standing.metrics, interruption.signal)


def _report(standing: Standing, num_steps: int, finished: bool) -> None:
    if not finished:
        logger.warning(
            "interrupted after step %d of %d; the state is saved", standing.step, num_steps
        )
    elif standing.step < num_steps:
        logger.info(
            "no progress in %d judgements; ended after step %d of %d",
            standing.unimproved,
            standing.step,
            num_steps,
        )


def _sentence(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())
