"""The training loop: learn, validate and save until the end or an interruption."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from signal import Signals
from typing import Any, TypeVar

from torch import Tensor
from tqdm import tqdm

from model.errors import InvalidInputError
from training.engine.curve_log import CurveLog
from training.engine.distributed import (
    from_first,
    is_first,
    largest,
    means,
    num_processes,
    rank,
)
from training.engine.interruption import noted_signals
from training.engine.run import RunFolder
from training.engine.run_progress import RunProgress
from training.engine.seeding import seed_step
from training.engine.tasks import Task

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
logger = logging.getLogger(__name__)
TERMINAL_SECONDS, FILE_SECONDS = 0.5, 60.0
"""Shortest time between two updates. In a file, each update is a line."""


@dataclass(frozen=True)
class Routine:
    """Intervals and limits of a run."""

    judge_every: int = 500
    save_every: int = 500
    log_every: int = 20
    num_workers: int = 1
    """Processes that load samples, for each process of torchrun."""
    patience: int = 0
    """Validations without progress after which the run ends early; 0 never ends it."""
    min_delta: float = 0.0
    """Smallest rise of the score that counts as progress."""
    processor_minutes: float = 0.0
    """Processor time of this process after which the run ends, without validation; 0 sets no limit.
    It includes the samples if `num_workers` is 0."""
    max_gap: float = 0.0
    """Largest difference between validation loss and training loss. With a larger one a validation
    counts as one without progress, whatever its score. 0 sets no limit."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: An interval is not positive, another number is negative, or there would be
                validations without a training loss to compare with.
        """
        for name in ("judge_every", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("num_workers", "patience", "min_delta", "max_gap", "processor_minutes"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.max_gap and self.log_every > self.judge_every:
            raise ValueError(
                f"log_every is {self.log_every}; with max_gap the loss must be logged at least "
                f"every {self.judge_every} steps, before each validation"
            )


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    """Number of steps done."""
    finished: bool
    """Whether it ended by itself: after the last step, for lack of progress, or at its time limit.
    Otherwise it was interrupted, and can be continued."""
    metrics: dict[str, float]
    """Of the best weights so far, in the first process."""
    signal: Signals | None = None
    """The signal that interrupted it."""


def fit(
    task: Task[Batch],
    batches_from: Callable[[int], Iterable[Batch]],
    judging: Callable[[], Iterable[Batch]],
    num_steps: int,
    routine: Routine,
    run: RunFolder,
    seed: int = 0,
) -> Outcome:
    """Train until `num_steps`, from the state in the run's folder if there is one.

    Every process of torchrun calls this. All learn from their shares of the batches and stop after
    the same step; the first one also validates, writes files and logs.

    Args:
        task: In its initial state.
        batches_from: This process's share of the batches of a step and all later ones.
        judging: The validation batches, the same each time.
        num_steps: Of the whole run.
        routine: Intervals and limits.
        run: The folder of states and curves.
        seed: Of random numbers in the network, such as dropout.

    Raises:
        CheckpointError: The saved state is damaged.
        InvalidInputError: Processes on several machines do not share the run's folder.
        StorageError: The disk is full. Earlier states are complete.
    """
    progress = _resume(task, run, num_steps)
    first = is_first()
    if first:
        run.clear_away()
    limits = (num_steps, routine.patience, 60 * routine.processor_minutes)
    finished = progress.is_over(*limits)
    interrupted = 0
    with (
        noted_signals() as noted,
        CurveLog(run.path, progress.step) if first else nullcontext() as curves,
        progress_bar(num_steps, progress.step, shown=first) as bar,
    ):
        logged_at, num_samples = time.perf_counter(), 0
        since = time.process_time()
        for batch in () if finished else batches_from(progress.step):
            seed_step(seed, progress.step, rank())
            scalars = task.learn(batch)
            progress.step += 1
            if routine.processor_minutes:
                spent, since = time.process_time() - since, time.process_time()
                progress.processor_seconds = from_first(progress.processor_seconds + spent)
            step, is_last = progress.step, progress.is_over(*limits)
            num_samples += len(batch[0]) * num_processes()
            bar.update()
            if step % routine.log_every == 0 or is_last:
                values = means(scalars)
                if routine.max_gap:
                    progress.note_loss(values["loss"])
                now = time.perf_counter()
                values["samples_per_second"] = num_samples / (now - logged_at)
                logged_at, num_samples = now, 0
                show(bar, values)
                if curves is not None:
                    curves.write("learned", step, values)
            if step % routine.judge_every == 0 or is_last:
                judged = task.judge(judging()) if first else {}
                judged["score"] = from_first(judged.get("score", 0.0))
                overfits = routine.max_gap > 0 and _is_overfit(judged, progress, routine.max_gap)
                improved = progress.judge(judged, routine.min_delta, overfits)
                if curves is not None:
                    curves.write("judged", step, judged)
                    tqdm.write(f"step {step}: " + _sentence(judged))
                    if improved:
                        run.save_best({"task": task.state_dict(), "step": step, "metrics": judged})
                logged_at, num_samples = time.perf_counter(), 0
                since = time.process_time()
            finished = progress.is_over(*limits)
            interrupted = largest(noted[0] if noted else 0)
            over = finished or interrupted > 0
            if first and (over or step % routine.save_every == 0):
                run.save_last({"task": task.state_dict(), **progress.as_state()})
            if over:
                break
    _report(progress, num_steps, finished)
    signal = Signals(interrupted) if interrupted else None
    return Outcome(progress.step, finished, progress.metrics, signal)


def _resume(task: Task[Batch], run: RunFolder, num_steps: int) -> RunProgress:
    """Load the saved state into the task.

    Raises:
        CheckpointError: It is damaged.
        InvalidInputError: Another process finds another state.
    """
    progress = RunProgress()
    if (state := run.load_last()) is not None:
        task.load_state_dict(state["task"])
        progress = RunProgress.from_state(state)
        logger.info("continuing after step %d of %d", progress.step, num_steps)
    # No process writes before all have read.
    if (furthest := largest(progress.step)) > progress.step:
        raise InvalidInputError(
            f"{run.path} is at step {progress.step} here and at step {furthest} for another "
            "process; all machines must share the folder"
        )
    return progress


def _is_overfit(judged: dict[str, float], progress: RunProgress, max_gap: float) -> bool:
    """Whether the validation loss is too far above the training loss; the same for all processes.

    Raises:
        InvalidInputError: The task's validation has no loss.
    """
    if is_first() and "loss" not in judged:
        raise InvalidInputError(
            "routine.max_gap needs a validation loss, which this task does not have"
        )
    # Written so that NaN is too far.
    return not progress.gap(from_first(judged.get("loss", 0.0))) < max_gap


def _report(progress: RunProgress, num_steps: int, finished: bool) -> None:
    if not finished:
        logger.warning(
            "interrupted after step %d of %d; the state is saved", progress.step, num_steps
        )
    elif progress.step < num_steps:
        logger.info(
            "ended after step %d of %d: %d validations without progress, %.1f minutes of processor "
            "time",
            progress.step,
            num_steps,
            progress.unimproved,
            progress.processor_seconds / 60,
        )


def _sentence(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


def progress_bar(num_steps: int, step: int, shown: bool) -> "tqdm[Any]":
    """A bar with the steps done, of which `step` were done before, and the remaining time."""
    seconds = TERMINAL_SECONDS if sys.stderr.isatty() else FILE_SECONDS
    return tqdm(
        total=num_steps,
        initial=step,
        desc="training",
        unit="step",
        mininterval=seconds,
        maxinterval=max(10.0, seconds),
        disable=not shown,
    )


def show(bar: "tqdm[Any]", values: Mapping[str, float]) -> None:
    """Show loss and samples a second beside the bar from its next update on."""
    shown = {"loss": "loss", "samples_per_second": "samples/s"}
    texts = {label: f"{values[name]:.4g}" for name, label in shown.items() if name in values}
    bar.set_postfix(texts, refresh=False)
