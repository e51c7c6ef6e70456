"""What an experiment with the silhouette network may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.silhouette.lite import LiteConfig
from model.silhouette.network import HourglassConfig
from training.datasets.photometry import Photometry
from training.engine.experiment import Experiment
from training.scenes.composition import SceneRecipe
from training.scenes.data_recipe import DataRecipe


@dataclass(frozen=True, kw_only=True)
class SilhouetteRecipe(Experiment):
    """One experiment.

    For `lite`, `initial` may be a clothing network. Layers of another shape, and those that it
    lacks, keep their drawn weights; the encoder must fit.
    """

    data: DataRecipe = field(default_factory=DataRecipe)
    network: HourglassConfig = field(default_factory=HourglassConfig)
    lite: LiteConfig | None = None
    """Trained instead of the hourglass."""
    scenes: SceneRecipe = field(default_factory=SceneRecipe)
    colours: Photometry = field(default_factory=Photometry)
    loss_mask: Literal["dressed", "naked"] = "dressed"
    """The mask n of the loss. With `naked`, as in the reference notebook, the target in cloth is 0
    and the decay is not learned."""
    objective: Literal["overlap", "squared_error"] = "overlap"
    """Loss of maps at the input's own resolution: cross-entropy and soft overlap, or the squared
    error of the reference notebook, which the maps of the hourglass's stacks always have."""
    people_weight: float = 0.1
    """Weight of the losses of keypoints and of boxes, each, where the network has a head for
    people."""
    learned: Literal["all", "people"] = "all"
    """What learns: the whole network, or its head for people alone; the confidence map then stays
    that of `initial`."""
    weights: Literal["none", "package"] = "none"
    """Initial weights where there is no `initial`: drawn from the seed; or, for `lite`, an encoder
    trained on ImageNet from an installed package."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ValueError: There is no stage, a weight is negative, or `weights` is given without
                `lite` or together with `initial`.
        """
        super().__post_init__()
        if not self.people_weight >= 0:
            raise ValueError(f"people_weight is {self.people_weight}; 0 or more is needed")
        if self.learned == "people" and not (self.lite and self.lite.head_width and self.initial):
            raise ValueError("learned = 'people' needs a network with that head, and `initial`")
        if self.weights != "none" and self.lite is None:
            raise ValueError(f"weights = {self.weights!r} exist for `lite` networks only")
        if self.weights != "none" and self.initial is not None:
            raise ValueError(f"weights = {self.weights!r} and initial exclude each other")
