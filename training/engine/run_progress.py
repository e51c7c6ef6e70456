"""The progress of a run, and the decision to end it."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunProgress:
    """What a run needs to continue, besides the state of the task."""

    step: int = 0
    """Number of steps done."""
    best: float = -float("inf")
    """Highest score so far."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of the weights with that score."""
    reference: float = -float("inf")
    """Score of the last validation that counted as progress."""
    unimproved: int = 0
    """Number of validations since."""
    processor_seconds: float = 0.0
    """Time that the first process has spent on learning; counted only if it is limited."""
    learned_sum: float = 0.0
    """Sum of the training losses logged since the last validation."""
    learned_count: int = 0
    """Number of these losses."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "RunProgress":
        """The progress in a saved state; other keys of it are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in state.items() if name in names})

    def as_state(self) -> dict[str, Any]:
        """The values to save."""
        return dataclasses.asdict(self)

    def note_loss(self, loss: float) -> None:
        """Add a training loss."""
        self.learned_sum += loss
        self.learned_count += 1

    def gap(self, judged_loss: float) -> float:
        """Validation loss minus the mean training loss since the last validation, or NaN."""
        if not self.learned_count:
            return math.nan
        return judged_loss - self.learned_sum / self.learned_count

    def judge(self, metrics: dict[str, float], min_delta: float, overfits: bool = False) -> bool:
        """Update with a validation. Returns whether it is the best so far.

        Progress is measured from the last score that counted as progress, not from the best one, so
        that small rises add up.

        Args:
            metrics: `score` among them, higher is better. NaN is no progress.
            min_delta: Smallest rise that counts as progress.
            overfits: Whether the validation loss is too far above the training loss, which is no
                progress whatever the score.
        """
        self.learned_sum, self.learned_count = 0.0, 0
        score = metrics["score"]
        if progress := score > self.reference + min_delta:
            self.reference = score
        self.unimproved = 0 if progress and not overfits else self.unimproved + 1
        if score > self.best:
            self.best, self.metrics = score, metrics
            return True
        return False

    def is_over(self, num_steps: int, patience: int, processor_seconds: float) -> bool:
        """Whether the last step is done, or the patience or the time is exhausted.

        Args:
            num_steps: Of the whole run.
            patience: Number of validations without progress that ends the run; 0 sets no limit.
            processor_seconds: Time for learning; 0 sets no limit.
        """
        return (
            self.step >= num_steps
            or 0 < patience <= self.unimproved
            or 0 < processor_seconds <= self.processor_seconds
        )
