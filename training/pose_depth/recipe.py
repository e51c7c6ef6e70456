"""What an experiment with pose depth may set."""

from dataclasses import dataclass, field

from model.pose_depth.network import DepthRefinerConfig
from model.pose_depth.temporal import TemporalRefinerConfig
from training.engine.experiment import Experiment
from training.pose_depth.augmentation import Augmentation
from training.pose_depth.losses import ConfidenceTarget, LossWeights


@dataclass(frozen=True, kw_only=True)
class PoseDepthRecipe(Experiment):
    """One experiment. A sample is a sequence; `image_size` of stages is 0."""

    pairs: tuple[str, ...] = ()
    """Folders of `data pose-pairs`."""
    library: str | None = None
    """File of `data pose-library`."""
    borrowed: float = 0.4
    """Share of samples that are poses of the library with the errors of a pair, if there is one."""
    reference: DepthRefinerConfig | None = None
    """Trained instead of the temporal network."""
    network: TemporalRefinerConfig = field(default_factory=TemporalRefinerConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    confidence_target: ConfidenceTarget = "within"
    augmentation: Augmentation = field(default_factory=Augmentation)
    max_frames: int = 8
    """Of a sample; longer sequences give a random part."""

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            ValueError: There is no stage, or a number is out of its range.
        """
        super().__post_init__()
        if not 0 <= self.borrowed <= 1:
            raise ValueError(f"borrowed is {self.borrowed}; 0 to 1 is possible")
        if self.max_frames < 1:
            raise ValueError(f"max_frames is {self.max_frames}; it must be positive")
