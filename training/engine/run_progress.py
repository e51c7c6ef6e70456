"""How far a run has come, and whether going on is worth it."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunProgress:
    """Beside the task's state, all that continuing a run needs."""

    step: int = 0
    """Steps done."""
    best: float = -float("inf")
    """Highest score so far."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Of the weights with that score."""
    reference: float = -float("inf")
    """Score of the last judgement that counted as progress."""
    unimproved: int = 0
    """Judgements since."""
    processor_seconds: float = 0.0
    """Spent on learning so far, by the first process; counted where that is limited."""
    learned_sum: float = 0.0
    """Of the losses that were logged since the last judgement."""
    learned_count: int = 0
    """How many they are."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "RunProgress":
        """What `as_state` gave, among other things."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in state.items() if name in names})

    def as_state(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    def note_loss(self, loss: float) -> None:
        """Take note of a loss while learning."""
        self.learned_sum += loss
        self.learned_count += 1

    def gap(self, judged_loss: float) -> float:
        """By how much a judged loss exceeds the mean learned one since the last judgement.

        Not a number where nothing was logged since.
        """
        if not self.learned_count:
            return math.nan
        return judged_loss - self.learned_sum / self.learned_count

    def judge(self, metrics: dict[str, float], min_delta: float, overfits: bool = False) -> bool:
        """Take note of a judgement; whether it is the best so far.

        Small steps add up: progress is measured from the last score that counted as progress, not
        from the best one.

        Args:
            metrics: `score` among them, higher is better. One that is not a number is no progress.
            min_delta: By how much a score must rise to count as progress.
            overfits: Whether the judged loss is too far above the learned one: whatever the score,
                that is no progress.
        """
        self.learned_sum, self.learned_count = 0.0, 0
        score = metrics["score"]
        progress = score > self.reference + min_delta
        if progress:
            self.reference = score
        self.unimproved = 0 if progress and not overfits else self.unimproved + 1
        if score > self.best:
            self.best, self.metrics = score, metrics
            return True
        return False

    def is_over(self, num_steps: int, patience: int, processor_seconds: float) -> bool:
        """Whether the last step is done, progress has failed to come, or the time is spent.

        Args:
            num_steps: Of the whole run.
            patience: Judgements without progress that are too many; 0 for no such limit.
            processor_seconds: That may be spent on learning; 0 for no such limit.
        """
        return (
            self.step >= num_steps
            or 0 < patience <= self.unimproved
            or 0 < processor_seconds <= self.processor_seconds
        )
