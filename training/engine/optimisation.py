"""Optimisers, learning rate schedules, and their settings."""

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
    """With `muon`, Muon optimises the weights of many channels, and AdamW all others, with the same
    learning rate and weight decay."""
    learning_rate: float = 1e-3
    """The highest, at the end of the warm-up."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decays of AdamW's two moments. With an adversary the first is usually 0.5."""
    weight_decay: float = 0.01
    """Of all weights but norms and biases."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises linearly from zero."""
    final_fraction: float = 0.01
    """The last learning rate of the cosine, over the highest."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """After the warm-up: half a cosine, or a reduction when the score no longer rises."""
    plateau_factor: float = 0.1
    """Factor of each such reduction."""
    plateau_patience: int = 3
    """Validations without a rise that are tolerated; the next one reduces the learning rate."""
    plateau_delta: float = 0.0
    """Smallest difference to the highest score so far that counts as a rise."""
    clip_norm: float = 1.0
    """Largest global norm of the gradients."""
    average_decay: float = 0.999
    """Decay of the moving average of the weights."""
    accumulate: int = 1
    """Parts of a batch whose gradients are computed one after the other, to use less memory. Losses
    and batch norms are those of one part; the gradient is the mean over the parts."""
    precision: Precision = "auto"
    """Number format of the network's computations; weights are always float32."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A setting is out of its range.
        """
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be positive")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas is {list(self.betas)}; 0 <= beta < 1 is needed")
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
    """Reduces the learning rate when the score no longer rises.

    The rule is that of torch's ReduceLROnPlateau with mode "max". Its state is saved with a run.
    """

    scale: float = 1.0
    """Factor of the learning rate, at most 1."""
    best: float = -math.inf
    """Highest score so far that counted as a rise."""
    waited: int = 0
    """Validations since then, or since the last reduction."""

    def judge(self, score: float, settings: Optimisation) -> None:
        """Update with a score, higher is better; NaN is not a rise."""
        if score > self.best + settings.plateau_delta:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited > settings.plateau_patience:
            self.scale, self.waited = self.scale * settings.plateau_factor, 0


def make_optimisers(network: nn.Module, settings: Optimisation) -> dict[str, torch.optim.Optimizer]:
    """AdamW by name, and before it Muon where the settings ask for it.

    Norms and biases (parameters with one axis) have no weight decay.

    Raises:
        InvalidInputError: Muon is asked for, and the network has no weights for it.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    made: dict[str, torch.optim.Optimizer] = {}
    if settings.optimiser == "muon":
        mixing = [p for p in parameters if mixes_channels(p)]
        if not mixing:
            raise InvalidInputError(
                f"optimiser is 'muon', but no weight of this network has {MIN_CHANNELS} or more "
                "input and output channels"
            )
        made["muon"] = Muon(mixing, settings.learning_rate, settings.weight_decay)
        parameters = [p for p in parameters if not mixes_channels(p)]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    made["adamw"] = torch.optim.AdamW(
        groups, lr=settings.learning_rate, betas=settings.betas, fused=True
    )
    return made


def learning_rate_at(step: int, num_steps: int, settings: Optimisation) -> float:
    """The learning rate: a linear warm-up, then half a cosine or a constant.

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
