"""The interface of the training loop to a task, and the task of supervised training."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.engine.distributed import from_first, num_processes
from training.engine.optimisation import (
    Optimisation,
    Plateau,
    learning_rate_at,
    make_optimisers,
)
from training.engine.precision import autocast_dtype
from training.engine.weight_average import WeightAverage

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
"""A NamedTuple of tensors."""
BatchContra = TypeVar("BatchContra", bound=tuple[Tensor, ...], contravariant=True)


class Task(Protocol[BatchContra]):
    """A task that the training loop can train."""

    def learn(self, batch: BatchContra) -> dict[str, Tensor]:
        """Do one step. Returns scalars to log, which may be on the device."""

    def judge(self, batches: Iterable[BatchContra]) -> dict[str, float]:
        """Metrics on validation batches; `score` among them, higher is better."""

    def state_dict(self) -> dict[str, Any]:
        """The state to continue from."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""


class SupervisedTask(Generic[Batch]):
    """A network, its objective, its optimisers, and the moving average of its weights.

    Each of several processes learns from its share of a batch. Gradients are averaged over the
    processes, so that all keep the same weights. Batch norms normalise by the whole batch on CUDA
    devices. On CPUs, for which torch has no synchronised batch norm, they normalise by the
    process's share, and the running statistics are those of the first process.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Callable[[nn.Module, Batch], dict[str, Tensor]],
        judgement: Callable[[nn.Module, Iterable[Batch]], dict[str, float]],
        optimisation: Optimisation,
        num_steps: int,
        device: torch.device,
    ) -> None:
        """Create the task.

        Args:
            network: Moved to the device.
            objective: Scalars of a network and a batch; `loss` is minimised. Its mean over equal
                shares must be that of the whole batch; see `distributed.weighted_mean`.
            judgement: Metrics of a network in evaluation mode and validation batches; `score`
                among them, higher is better.
            optimisation: Settings.
            num_steps: Of the whole run, for the learning rate.
            device: To compute on.
        """
        # Convolutions are up to 1.5 times as fast with the channels last in memory.
        self.network: nn.Module = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.network, optimisation.average_decay)
        if num_processes() > 1 and device.type == "cuda":
            self.network = nn.SyncBatchNorm.convert_sync_batchnorm(self.network)
        self.shared = share(self.network, device)
        self.optimisers = make_optimisers(self.network, optimisation)
        self.objective = objective
        self.judgement = judgement
        self.optimisation = optimisation
        self.num_steps = num_steps
        self.device = device
        self.dtype = autocast_dtype(optimisation.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype is torch.float16)
        self.plateau = Plateau()
        self.step = 0

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Do one step: gradients, clipping, optimisers, moving average.

        Raises:
            ValueError: The batch cannot be split into `accumulate` equal parts.
        """
        rate = learning_rate_at(self.step, self.num_steps, self.optimisation)
        if self.optimisation.schedule == "plateau":
            # Only the first process has validated.
            rate *= from_first(self.plateau.scale)
        self.network.train()
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
        parts = split(batch, self.optimisation.accumulate)
        found = [self._add_gradient(part, 1 / len(parts)) for part in parts[:-1]]
        found.append(self._add_gradient(parts[-1], 1 / len(parts), exchange=True))
        for optimiser in self.optimisers.values():
            self.scaler.unscale_(optimiser)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.optimisation.clip_norm)
        for optimiser in self.optimisers.values():
            self.scaler.step(optimiser)
        self.scaler.update()
        self.average.follow(self.network, self.step)
        self.step += 1
        logged = {name: torch.stack([part[name] for part in found]).mean() for name in found[0]}
        return logged | {"gradient_norm": norm.detach(), "learning_rate": torch.tensor(rate)}

    def _add_gradient(self, part: Batch, share: float, exchange: bool = False) -> dict[str, Tensor]:
        """Add the gradient of a part of a batch. Returns its scalars.

        Args:
            part: Of a batch.
            share: Factor of its loss.
            exchange: Whether the processes average their gradients after this part.
        """
        alone: AbstractContextManager[None] = nullcontext()
        if isinstance(self.shared, DistributedDataParallel) and not exchange:
            alone = self.shared.no_sync()
        with alone:
            with self._autocast():
                scalars = self.objective(self.shared, self._on_device(part))
            self.scaler.scale(scalars["loss"] * share).backward()
        return {name: value.detach() for name, value in scalars.items()}

    def judge(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Validate the moving average of the weights, and update the plateau."""

        def on_device() -> Iterator[Batch]:
            for batch in batches:
                yield self._on_device(batch)

        with torch.inference_mode(), self._autocast():
            judged = self.judgement(self.average.network, on_device())
        self.plateau.judge(judged["score"], self.optimisation)
        return judged

    def state_dict(self) -> dict[str, Any]:
        """Network, average, optimisers, gradient scale, plateau, step."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimisers": {name: o.state_dict() for name, o in self.optimisers.items()},
            "scaler": self.scaler.state_dict(),
            "plateau": dataclasses.asdict(self.plateau),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
            lay_moments_out(optimiser)
        self.scaler.load_state_dict(state["scaler"])
        self.plateau = Plateau(**state["plateau"])
        self.step = state["step"]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def _on_device(self, batch: Batch) -> Batch:
        moved = (
            tensor.to(
                self.device,
                non_blocking=True,
                memory_format=torch.channels_last if tensor.ndim == 4 else torch.preserve_format,
            )
            for tensor in batch
        )
        return type(batch)(*moved)


def lay_moments_out(optimiser: torch.optim.Optimizer) -> None:
    """Give the moments of an optimiser the memory layout of their weights.

    Files hold them row by row, and fused kernels ignore strides.
    """
    for parameter, moments in optimiser.state.items():
        for name, moment in moments.items():
            if moment.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(moment)


def split(batch: Batch, num_parts: int) -> list[Batch]:
    """Consecutive equal parts of a batch.

    Raises:
        ValueError: The number of samples is not a multiple of `num_parts`.
    """
    if len(batch[0]) % num_parts:
        raise ValueError(f"{len(batch[0])} samples cannot be split into {num_parts} equal parts")
    layers = [layer.chunk(num_parts) for layer in batch]
    return [type(batch)(*part) for part in zip(*layers, strict=True)]


def share(network: nn.Module, device: torch.device) -> nn.Module:
    """The network in DDP, which averages gradients over the processes; unchanged for one process.

    From the second step on DDP sums gradients in the order of the first step. With more than two
    processes a continued run may therefore differ from an uninterrupted one in the last bit.
    """
    if num_processes() == 1:
        return network
    return DistributedDataParallel(
        network, device_ids=[device.index] if device.type == "cuda" else None
    )
