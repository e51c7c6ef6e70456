"""What an experiment with a generator may set."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from model.synthesis.network import SynthesisConfig
from training.engine.experiment import Experiment
from training.engine.optimisation import Optimisation

Method = Literal["vector", "drawing", "gan", "conditional"]


@dataclass(frozen=True)
class DataRecipe:
    """Where frames come from, and how samples differ from them."""

    frames: str | None = None
    """Folder of one person's frames with `skeletons.npz`."""
    person: str | None = None
    """Their name in the checkpoint; that of the folder where it is left out."""
    licence: str = "unknown"
    """SPDX identifier of the frames' licence, which is also the checkpoint's."""
    shift: float = 0.0
    """Largest move of a sample aside, up or down, over the picture's side. The border's pixels are
    repeated, so it is for frames whose background moves."""
    jitter: float = 0.0
    """Standard deviation of noise on the points, over the picture's side."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is negative.
        """
        for name in ("shift", "jitter"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")


@dataclass(frozen=True)
class LossRecipe:
    """The parts of the generator's objective."""

    l1: float = 1.0
    """Weight of the mean absolute difference."""
    l1_last: float | None = None
    """Its weight in the last step, reached linearly; None keeps it."""
    ssim: float = 0.0
    """Weight of one minus SSIM."""
    motion: float = 0.0
    """Weight of the mean absolute difference of the changes from frame to frame."""
    features: float = 0.0
    """Weight of the mean absolute difference of the discriminator's features."""
    adversarial: float = 0.0
    """Weight of the discriminator's opinion; 0 trains without one."""

    def __post_init__(self) -> None:
        """Check the weights.

        Raises:
            ValueError: One is negative, or features are compared without a discriminator.
        """
        for name in ("l1", "l1_last", "ssim", "motion", "features", "adversarial"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} is {value}; 0 or more is needed")
        if self.features and not self.adversarial:
            raise ValueError("features are those of a discriminator; adversarial must be positive")


@dataclass(frozen=True)
class DiscriminatorRecipe:
    """The discriminator of an adversarial training."""

    conditioned: bool = True
    """Whether it sees the skeletons too."""
    pairs: bool = True
    """Whether it sees two consecutive frames at a time."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels of its layers, each of which halves the picture."""
    dropout: float = 0.0
    """Probability that a channel is dropped."""
    loss: Literal["hinge", "cross_entropy"] = "hinge"
    real_labels: tuple[float, float] = (1.0, 1.0)
    """Range of the labels of true pictures; for `cross_entropy`."""
    fake_labels: tuple[float, float] = (0.0, 0.0)
    """Range of the labels of generated pictures; for `cross_entropy`."""
    rests_above: float | None = None
    """With `cross_entropy`: the discriminator does no step while it gives true pictures at least
    this probability, and generated ones at most `rests_below`."""
    rests_below: float = 0.35
    optimisation: Optimisation = field(default_factory=Optimisation)
    """Its schedule and precision are the generator's."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is out of its range.
        """
        if not self.widths:
            raise ValueError("widths is empty; at least one is needed")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; 0 <= dropout < 1 is needed")
        for name in ("real_labels", "fake_labels"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise ValueError(f"{name} is {[low, high]}; 0 <= from <= to <= 1 is needed")


@dataclass(frozen=True, kw_only=True)
class SynthesisRecipe(Experiment):
    """One experiment. The last stage's `image_size` is that of the network."""

    method: Method
    """The name under which the network is found in the checkpoint."""
    network: SynthesisConfig
    data: DataRecipe = field(default_factory=DataRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    discriminator: DiscriminatorRecipe = field(default_factory=DiscriminatorRecipe)

    def __post_init__(self) -> None:
        """Refuse an experiment that contradicts itself.

        Raises:
            ValueError: There is no stage, the last one has another size than the network, the
                network cannot draw an earlier one, or it is not the method's.
        """
        super().__post_init__()
        needed = "drawing" if self.method == "gan" else self.method
        if self.network.network != needed:
            raise ValueError(
                f"network.network is {self.network.network!r}; {self.method} needs {needed!r}"
            )
        if self.method != "conditional" and self.is_adversarial != (self.method == "gan"):
            raise ValueError(
                f"loss.adversarial is {self.loss.adversarial}; gan has a discriminator, vector and "
                "drawing have none"
            )
        whole = self.network.image_size
        for number, stage in enumerate(self.stages):
            is_last = number == len(self.stages) - 1
            if stage.image_size != whole and (is_last or self.method != "conditional"):
                raise ValueError(
                    f"stages.{number}.image_size is {stage.image_size}; the network draws {whole} "
                    "pixels"
                )
            # Refuses sizes that the U-Net cannot halve often enough.
            dataclasses.replace(self.network, image_size=stage.image_size)

    @property
    def is_adversarial(self) -> bool:
        """Whether a discriminator learns too."""
        return self.loss.adversarial > 0

    @property
    def pictures_per_sample(self) -> int:
        """Consecutive frames that are drawn together: 2 where changes between them count."""
        pairs = self.is_adversarial and self.discriminator.pairs
        return 2 if pairs or self.loss.motion else 1
