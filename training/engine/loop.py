"""The loop: learn, judge, save, until the end or until somebody interrupts."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from training.engine.interruption import Interruption
from training.engine.logging import CurveLog
from training.engine.run import RunFolder
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
    """Processes that make samples."""

    def __post_init__(self) -> None:
        """Refuse intervals that never come.

        Raises:
            ValueError: One is not positive, or `num_workers` is negative.
        """
        for name in ("judge_every", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.num_workers < 0:
            raise ValueError(f"num_workers is {self.num_workers}; it must not be negative")


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    """Steps done."""
    finished: bool
    """Else it was interrupted, and can be continued."""
    metrics: dict[str, float]
    """Of the best weights so far."""


def fit(
    task: Task[Batch],
    batches_from: Callable[[int], Iterable[Batch]],
    judging: Callable[[], Iterable[Batch]],
    num_steps: int,
    routine: Routine,
    run: RunFolder,
) -> Outcome:
    """Train until `num_steps`, from wherever the run's folder says it is.

    Args:
        task: Fresh; its state is read from the run's folder where there is one.
        batches_from: The batches of this and all later steps; the same for the same step.
        judging: The held-out batches, the same each time.
        num_steps: Of the whole run.
        routine: What happens when.
        run: Where state and curves go.
    """
    step, best = 0, -float("inf")
    metrics: dict[str, float] = {}
    if (state := run.load_last()) is not None:
        task.load_state_dict(state["task"])
        step, best, metrics = state["step"], state["best"], state["metrics"]
        torch.set_rng_state(state["random"])
        logger.info("continuing after step %d of %d", step, num_steps)

    def save() -> None:
        run.save_last(
            {
                "task": task.state_dict(),
                "step": step,
                "best": best,
                "metrics": metrics,
                "random": torch.get_rng_state(),
            }
        )

    with (
        Interruption() as interruption,
        CurveLog(run.path, step) as curves,
        tqdm(total=num_steps, initial=step, desc="training", unit="step") as bar,
    ):
        logged_at, num_samples = time.perf_counter(), 0
        for batch in batches_from(step):
            scalars = task.learn(batch)
            step += 1
            num_samples += len(batch[0])
            bar.update()
            if step % routine.log_every == 0 or step == num_steps:
                values = {name: float(value) for name, value in scalars.items()}
                now = time.perf_counter()
                values["samples_per_second"] = num_samples / (now - logged_at)
                logged_at, num_samples = now, 0
                curves.write("learned", step, values)
                bar.set_postfix(_shown(values, ("loss", "samples_per_second")))
            if step % routine.judge_every == 0 or step == num_steps:
                judged = task.judge(judging())
                curves.write("judged", step, judged)
                tqdm.write(f"step {step}: " + _sentence(judged))
                if judged["score"] > best:
                    best, metrics = judged["score"], judged
                    run.save_best({"task": task.state_dict(), "step": step, "metrics": judged})
                logged_at, num_samples = time.perf_counter(), 0
            if interruption.requested:
                break
            if step % routine.save_every == 0 and step < num_steps:
                save()
        save()
    if interruption.requested and step < num_steps:
        logger.warning("interrupted after step %d of %d; the state is saved", step, num_steps)
    return Outcome(step, step >= num_steps, metrics)


def _shown(values: dict[str, float], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: f"{values[name]:.4g}" for name in names if name in values}


def _sentence(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())
