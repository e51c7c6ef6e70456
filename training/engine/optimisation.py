"""How weights are changed: AdamW or Muon, a rate that falls, gradient clipping, an average."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from model.errors import InvalidInputError
from training.engine.muon import MIN_CHANNELS, Muon, mixes_channels
from training.engine.precision import Precision


@dataclass(frozen=True)
class Optimisation:
    """Settings of a supervised training."""

    optimiser: Literal["adamw", "muon"] = "adamw"
    """With `muon`, weights that mix many channels are moved by it and all others by AdamW, at the
    same rate and decay."""
    learning_rate: float = 1e-3
    """The highest, right after the warm-up."""
    weight_decay: float = 0.01
    """Of the weights proper; norms and biases do not decay."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises from zero."""
    final_fraction: float = 0.01
    """The last learning rate over the highest."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """After the warm-up the rate falls with every step, or only when the score no longer rises."""
    plateau_factor: float = 0.1
    """By what it is multiplied then."""
    plateau_patience: int = 3
    """Judgements without a rise that are borne; the next one lowers the rate."""
    plateau_delta: float = 0.0
    """By how much the score must exceed the highest so far to be a rise."""
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
        if not 0 < self.plateau_factor < 1:
            raise ValueError(f"plateau_factor is {self.plateau_factor}; 0 < factor < 1 is needed")
        for name in ("plateau_patience", "plateau_delta"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


@dataclass
class Plateau:
    """Where the score has come, and what the learning rate is multiplied by because of it.

    The rule of torch's ReduceLROnPlateau, with a score that rises in the place of a loss.
    """

    scale: float = 1.0
    """At most 1."""
    best: float = -math.inf
    """Highest score so far, apart from rises that were too small."""
    waited: int = 0
    """Judgements since then, or since the rate was lowered."""

    def judge(self, score: float, settings: Optimisation) -> None:
        """Take note of a score, higher is better; one that is not a number is no rise."""
        if score > self.best + settings.plateau_delta:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited > settings.plateau_patience:
            self.scale, self.waited = self.scale * settings.plateau_factor, 0


def make_optimisers(network: nn.Module, settings: Optimisation) -> dict[str, torch.optim.Optimizer]:
    """By name: AdamW over what decays, and norms and biases (anything with one axis), which do not.

    Before it, where the settings say so, Muon over the weights that mix channels.

    Raises:
        InvalidInputError: Muon is asked for, and there is nothing for it.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    made: dict[str, torch.optim.Optimizer] = {}
    if settings.optimiser == "muon":
        mixing = [p for p in parameters if mixes_channels(p)]
        if not mixing:
            raise InvalidInputError(
                f"optimiser is 'muon', and no weight of this network mixes {MIN_CHANNELS} "
                "channels or more"
            )
        made["muon"] = Muon(mixing, settings.learning_rate, settings.weight_decay)
        parameters = [p for p in parameters if not mixes_channels(p)]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    made["adamw"] = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    return made


def learning_rate_at(step: int, num_steps: int, settings: Optimisation) -> float:
    """A line up from zero, then half a cosine down to `final_fraction`, or the highest rate.

    Source: Loshchilov, Hutter, SGDR, ICLR 2017, without restarts.

    Args:
        step: From 0.
        num_steps: Of the whole run, warm-up included.
        settings: Of the run.
    """
    warmup = min(settings.warmup_steps, num_steps // 2)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "plateau":
        return settings.learning_rate
    progress = (step - warmup) / max(1, num_steps - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    fraction = settings.final_fraction + (1 - settings.final_fraction) * cosine
    return settings.learning_rate * fraction
