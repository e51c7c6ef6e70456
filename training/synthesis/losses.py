"""The objectives of the generators, with and without a discriminator.

B batch, P pictures drawn together, S side of the pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.engine.adversarial import Verdict
from training.synthesis.data import SynthesisBatch
from training.synthesis.recipe import DiscriminatorRecipe, LossRecipe
from training.synthesis.similarity import ssim


def generated(generator: nn.Module, points: Tensor, size: int) -> Tensor:
    """Pictures (B, P, 3, S, S) float32 of the points (B, P, T, 13, 2), in one pass; S is `size`."""
    pictures: Tensor = generator(points.flatten(0, 1), size).float()
    return pictures.unflatten(0, points.shape[:2])


def likeness(
    found: Tensor, truth: Tensor, settings: LossRecipe, progress: float
) -> dict[str, Tensor]:
    """`loss` and its parts that compare pictures with the true ones.

    Args:
        found: (B, P, 3, S, S) in [0, 1].
        truth: Of the same shape.
        settings: Weights.
        progress: Share of the run that is done.
    """
    last = settings.l1 if settings.l1_last is None else settings.l1_last
    parts = {"l1": (found - truth).abs().mean()}
    loss = (settings.l1 + progress * (last - settings.l1)) * parts["l1"]
    if settings.ssim:
        parts["ssim"] = ssim(found.flatten(0, 1), truth.flatten(0, 1)).mean()
        loss = loss + settings.ssim * (1 - parts["ssim"])
    if settings.motion:
        parts["motion"] = (found.diff(dim=1) - truth.diff(dim=1)).abs().mean()
        loss = loss + settings.motion * parts["motion"]
    return {"loss": loss, **parts}


@dataclass(frozen=True)
class Likeness:
    """The objective of a supervised training."""

    settings: LossRecipe

    def __call__(self, generator: nn.Module, batch: SynthesisBatch) -> dict[str, Tensor]:
        """Scalars of a generator and a batch."""
        found = generated(generator, batch.points, batch.pictures.shape[-1])
        return likeness(found, batch.pictures, self.settings, progress=0.0)


@dataclass(frozen=True)
class AdversarialLikeness:
    """The two objectives of an adversarial training.

    Source: for the hinge loss, Lim, Ye, Geometric GAN, 2017; for the comparison of features, Wang
    et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, CVPR
    2018, section 3.3.
    """

    settings: LossRecipe
    discriminator: DiscriminatorRecipe

    def generate(self, generator: nn.Module, batch: SynthesisBatch) -> Tensor:
        """The generator's pictures."""
        return generated(generator, batch.points, batch.pictures.shape[-1])

    def judge_fakes(
        self, discriminator: nn.Module, batch: SynthesisBatch, fakes: Tensor
    ) -> Verdict:
        """The discriminator's loss, and the mean probability that it gives both kinds."""
        real, _ = self._look(discriminator, batch, batch.pictures)
        fake, _ = self._look(discriminator, batch, fakes)
        if self.discriminator.loss == "hinge":
            loss = (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
        else:
            loss = _cross_entropy(real, self.discriminator.real_labels) + _cross_entropy(
                fake, self.discriminator.fake_labels
            )
        scalars = {
            "loss": loss,
            "on_real": real.sigmoid().mean().detach(),
            "on_fake": fake.sigmoid().mean().detach(),
        }
        return Verdict(scalars, self._learns)

    def generator_loss(
        self, discriminator: nn.Module, batch: SynthesisBatch, fakes: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Likeness, and what the discriminator makes of it."""
        scalars = likeness(fakes, batch.pictures, self.settings, progress)
        opinion, features = self._look(discriminator, batch, fakes)
        if self.discriminator.loss == "hinge":
            scalars["adversarial"] = -opinion.mean()
        else:
            scalars["adversarial"] = _cross_entropy(opinion, self.discriminator.real_labels)
        loss = scalars["loss"] + self.settings.adversarial * scalars["adversarial"]
        if self.settings.features:
            with torch.no_grad():
                _, wanted = self._look(discriminator, batch, batch.pictures)
            scalars["features"] = _difference(features, wanted)
            loss = loss + self.settings.features * scalars["features"]
        return scalars | {"loss": loss}

    def _look(
        self, discriminator: nn.Module, batch: SynthesisBatch, pictures: Tensor
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """The last picture alone, where the discriminator does not see pairs."""
        first = 0 if self.discriminator.pairs else pictures.shape[1] - 1
        logits, features = discriminator(pictures[:, first:], batch.points[:, first:, -1])
        return logits.float(), features

    def _learns(self, means: dict[str, float]) -> bool:
        rule = self.discriminator
        if rule.rests_above is None:
            return True
        return means["on_real"] < rule.rests_above or means["on_fake"] > rule.rests_below


def _cross_entropy(logits: Tensor, labels: tuple[float, float]) -> Tensor:
    """Mean over patches; each has a label drawn from the range."""
    wanted = torch.empty_like(logits).uniform_(*labels)
    return F.binary_cross_entropy_with_logits(logits, wanted)


def _difference(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of features, the mean over the blocks."""
    each = [
        (one.float() - other.float()).abs().mean() for one, other in zip(found, wanted, strict=True)
    ]
    return torch.stack(each).mean()
