"""How weights are changed: AdamW, a cosine with warm-up, gradient clipping, an average."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from training.engine.precision import Precision


@dataclass(frozen=True)
class Optimisation:
    """Settings of a supervised training."""

    learning_rate: float = 1e-3
    """The highest, right after the warm-up."""
    weight_decay: float = 0.01
    """Of the weights proper; norms and biases do not decay."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises from zero."""
    final_fraction: float = 0.01
    """The last learning rate over the highest."""
    clip_norm: float = 1.0
    """Largest norm of all gradients together."""
    average_decay: float = 0.999
    """Share of its own past that the average of the weights keeps in each step."""
    accumulate: int = 1
    """Parts that a step's batch is taken through the network in, one after the other, to need less
    memory. Each part's loss is a mean over that part, each batch norm sees one part at a time; the
    gradient is the mean of the parts'."""
    precision: Precision = "auto"
    """What the network computes in; weights are always float32."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot train.

        Raises:
            ValueError: A setting is out of its range.
        """
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be positive")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay is {self.average_decay}; 0 <= decay < 1 is needed")
        if not self.clip_norm > 0:
            raise ValueError(f"clip_norm is {self.clip_norm}; it must be positive")
        if self.accumulate < 1:
            raise ValueError(f"accumulate is {self.accumulate}; it must be positive")


def make_optimiser(network: nn.Module, settings: Optimisation) -> torch.optim.AdamW:
    """AdamW over two groups: what decays, and norms and biases (anything with one axis)."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def learning_rate_at(step: int, num_steps: int, settings: Optimisation) -> float:
    """A line up from zero, then half a cosine down to `final_fraction`.

    Source: Loshchilov, Hutter, SGDR, ICLR 2017, without restarts.

    Args:
        step: From 0.
        num_steps: Of the whole run, warm-up included.
        settings: Of the run.
    """
    warmup = min(settings.warmup_steps, num_steps // 2)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, num_steps - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    fraction = settings.final_fraction + (1 - settings.final_fraction) * cosine
    return settings.learning_rate * fraction
