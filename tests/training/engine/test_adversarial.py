from collections.abc import Iterable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from training.engine.adversarial import AdversarialTask, Verdict
from training.engine.optimisation import Optimisation

SETTINGS = Optimisation(
    learning_rate=0.02, weight_decay=0.0, warmup_steps=0, precision="fp32", average_decay=0.5
)


class Numbers(NamedTuple):
    noise: Tensor
    wanted: Tensor


def numbers(step: int) -> Numbers:
    generator = torch.Generator().manual_seed(step)
    noise = torch.randn(32, 4, generator=generator)
    return Numbers(noise, 3 + 0.5 * torch.randn(32, 1, generator=generator))


class Moments:
    """A discriminator of single numbers; the generator sees nothing but its opinion."""

    def __init__(self, learns: bool = True) -> None:
        self.learns = learns
        self.progress: list[float] = []

    def generate(self, generator: nn.Module, batch: Numbers) -> Tensor:
        found: Tensor = generator(batch.noise)
        return found

    def judge_fakes(self, discriminator: nn.Module, batch: Numbers, fakes: Tensor) -> Verdict:
        assert not fakes.requires_grad
        real, fake = discriminator(batch.wanted), discriminator(fakes)
        loss = ((real - 1) ** 2).mean() + (fake**2).mean()
        return Verdict({"loss": loss, "on_real": real.mean().detach()}, lambda means: self.learns)

    def generator_loss(
        self, discriminator: nn.Module, batch: Numbers, fakes: Tensor, progress: float
    ) -> dict[str, Tensor]:
        self.progress.append(progress)
        assert not any(p.requires_grad for p in discriminator.parameters())
        return {"loss": ((discriminator(fakes) - 1) ** 2).mean()}


def judgement(network: nn.Module, batches: Iterable[Numbers]) -> dict[str, float]:
    error = sum(float((network(b.noise).mean() - b.wanted.mean()).abs()) for b in batches)
    return {"error": error, "score": -error}


def task(
    adversarial: Moments, steps: int = 200, settings: Optimisation = SETTINGS
) -> AdversarialTask[Numbers]:
    torch.manual_seed(0)
    generator = nn.Linear(4, 1)
    discriminator = nn.Sequential(nn.Linear(1, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    return AdversarialTask(
        generator,
        discriminator,
        adversarial,
        judgement,
        settings,
        SETTINGS,
        steps,
        torch.device("cpu"),
    )


def test_the_generator_finds_the_numbers_by_the_discriminators_opinion_alone() -> None:
    trained = task(Moments())
    before = trained.judge([numbers(1000)])["error"]
    for step in range(200):
        scalars = trained.learn(numbers(step))
    after = trained.judge([numbers(1000)])["error"]
    assert before > 2
    assert after < before / 2
    assert {"loss", "discriminator_loss", "discriminator_on_real", "learning_rate"} <= set(scalars)
    assert not any(value.requires_grad for value in scalars.values())


def test_the_discriminator_rests_where_its_objective_says_so() -> None:
    resting, learning = task(Moments(learns=False)), task(Moments())
    for one in (resting, learning):
        one.learn(numbers(0))
    fresh = task(Moments())
    for name, value in fresh.discriminator.state_dict().items():
        torch.testing.assert_close(resting.discriminator.state_dict()[name], value)
    moved = [
        not torch.equal(learning.discriminator.state_dict()[name], value)
        for name, value in fresh.discriminator.state_dict().items()
    ]
    assert all(moved)


def test_the_progress_goes_from_zero_to_one() -> None:
    adversarial = Moments()
    trained = task(adversarial, steps=5)
    for step in range(5):
        trained.learn(numbers(step))
    assert adversarial.progress == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_resumed_adversarial_training_ends_where_an_unbroken_one_ends() -> None:
    unbroken, first, second = task(Moments()), task(Moments()), task(Moments())
    for step in range(6):
        unbroken.learn(numbers(step))
    for step in range(3):
        first.learn(numbers(step))
    second.load_state_dict(first.state_dict())
    for step in range(3, 6):
        second.learn(numbers(step))
    torch.testing.assert_close(second.state_dict(), unbroken.state_dict(), rtol=0, atol=0)


def test_a_batch_cannot_be_accumulated() -> None:
    with pytest.raises(ValueError, match="accumulate must be 1"):
        task(Moments(), settings=Optimisation(accumulate=2))
