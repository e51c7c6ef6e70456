"""The task of adversarial training: a generator, and a discriminator that learns to tell it."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from training.engine.distributed import average_gradients, from_first, means
from training.engine.optimisation import Optimisation, learning_rate_at, make_optimisers
from training.engine.tasks import SupervisedTask, lay_moments_out

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
BatchContra = TypeVar("BatchContra", bound=tuple[Tensor, ...], contravariant=True)


class Verdict(NamedTuple):
    """What a discriminator made of a batch."""

    scalars: dict[str, Tensor]
    """`loss` is minimised by the discriminator; all are logged."""
    learns: Callable[[dict[str, float]], bool]
    """Whether the discriminator does this step, from the scalars' means over the processes."""


class AdversarialObjective(Protocol[BatchContra]):
    """The two losses of an adversarial training."""

    def generate(self, generator: nn.Module, batch: BatchContra, /) -> Tensor:
        """The generator's output for a batch."""

    def judge_fakes(
        self, discriminator: nn.Module, batch: BatchContra, fakes: Tensor, /
    ) -> Verdict:
        """The discriminator's loss; `fakes` have no gradient."""

    def generator_loss(
        self, discriminator: nn.Module, batch: BatchContra, fakes: Tensor, progress: float, /
    ) -> dict[str, Tensor]:
        """Scalars of the generator; `loss` is minimised. `progress` rises from 0 to 1."""


class AdversarialTask(SupervisedTask[Batch], Generic[Batch]):
    """A generator in the place of the supervised network, and the discriminator beside it.

    Each step the discriminator learns first, from the generator's output as it is, and the
    generator then learns from the new discriminator. The generator alone is averaged, validated and
    exported. With several processes, gradients are averaged and batch norms normalise by the
    process's share.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        adversarial: AdversarialObjective[Batch],
        judgement: Callable[[nn.Module, Iterable[Batch]], dict[str, float]],
        optimisation: Optimisation,
        discriminator_optimisation: Optimisation,
        num_steps: int,
        device: torch.device,
    ) -> None:
        """Create the task.

        Args:
            generator: Moved to the device.
            discriminator: Moved to the device.
            adversarial: The losses.
            judgement: Metrics of the generator in evaluation mode, as for supervised tasks.
            optimisation: Settings of the generator.
            discriminator_optimisation: Settings of the discriminator; precision and schedule are
                the generator's.
            num_steps: Of the whole run.
            device: To compute on.

        Raises:
            ValueError: `accumulate` is not 1.
        """
        if optimisation.accumulate != 1 or discriminator_optimisation.accumulate != 1:
            raise ValueError("accumulate must be 1 with a discriminator")
        super().__init__(generator, _no_objective, judgement, optimisation, num_steps, device)
        moved = discriminator.to(device)
        self.discriminator: nn.Module = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator_optimisation = dataclasses.replace(
            discriminator_optimisation, schedule=optimisation.schedule
        )
        self.discriminator_optimisers = make_optimisers(
            self.discriminator, discriminator_optimisation
        )
        self.discriminator_scaler = torch.amp.GradScaler(
            device.type, enabled=self.dtype is torch.float16
        )
        self.adversarial = adversarial

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the discriminator, unless its objective rests, and one of the generator."""
        batch = self._on_device(batch)
        progress = self.step / max(1, self.num_steps - 1)
        self.network.train()
        self.discriminator.train().requires_grad_(True)
        with self._autocast():
            fakes = self.adversarial.generate(self.network, batch)
            verdict = self.adversarial.judge_fakes(self.discriminator, batch, fakes.detach())
        if verdict.learns(means({n: v.detach() for n, v in verdict.scalars.items()})):
            self._descend(
                verdict.scalars["loss"],
                self.discriminator,
                self.discriminator_optimisers,
                self.discriminator_scaler,
                self.discriminator_optimisation,
            )
        self.discriminator.requires_grad_(False)
        with self._autocast():
            scalars = self.adversarial.generator_loss(self.discriminator, batch, fakes, progress)
        norm, rate = self._descend(
            scalars["loss"], self.network, self.optimisers, self.scaler, self.optimisation
        )
        self.average.follow(self.network, self.step)
        self.step += 1
        judged = {f"discriminator_{name}": value for name, value in verdict.scalars.items()}
        logged = {name: value.detach() for name, value in (scalars | judged).items()}
        return logged | {"gradient_norm": norm, "learning_rate": torch.tensor(rate)}

    def _descend(
        self,
        loss: Tensor,
        network: nn.Module,
        optimisers: dict[str, torch.optim.Optimizer],
        scaler: torch.amp.GradScaler,
        settings: Optimisation,
    ) -> tuple[Tensor, float]:
        """One step of a network's optimisers. Returns the gradient's norm and the learning rate."""
        rate = learning_rate_at(self.step, self.num_steps, settings)
        if settings.schedule == "plateau":
            rate *= from_first(self.plateau.scale)
        for optimiser in optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        average_gradients(network.parameters())
        for optimiser in optimisers.values():
            scaler.unscale_(optimiser)
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        for optimiser in optimisers.values():
            scaler.step(optimiser)
        scaler.update()
        return norm.detach(), rate

    def state_dict(self) -> dict[str, Any]:
        """That of a supervised task, and the discriminator's."""
        optimisers = self.discriminator_optimisers
        return super().state_dict() | {
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimisers": {n: o.state_dict() for n, o in optimisers.items()},
            "discriminator_scaler": self.discriminator_scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        for name, optimiser in self.discriminator_optimisers.items():
            optimiser.load_state_dict(state["discriminator_optimisers"][name])
            lay_moments_out(optimiser)
        self.discriminator_scaler.load_state_dict(state["discriminator_scaler"])


def _no_objective(_network: nn.Module, _batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    raise AssertionError("an adversarial task has an objective of its own")
