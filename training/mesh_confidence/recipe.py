"""What an experiment with mesh confidence may set."""

from dataclasses import dataclass, field

from model.mesh_confidence.network import MeshConfidenceConfig
from training.engine.experiment import Experiment


@dataclass(frozen=True)
class FilterRecipe:
    """Rows that are not learned from. Those that choose or are reported are never left out.

    The defaults are those of Jafarian, Qureshi (arXiv 2305.17245), in their code.
    """

    least_spine_score: float = 0.1
    """The detector's score of both hips and the neck, at least."""
    most_error: float = 1.0
    """Every joint's error, at most."""


@dataclass(frozen=True)
class DataRecipe:
    """Where rows come from."""

    errors: tuple[str, ...] = ()
    """Folders as `training.mesh_confidence.data` describes them."""
    filter: FilterRecipe = field(default_factory=FilterRecipe)


@dataclass(frozen=True)
class Augmentation:
    """How rows are changed while they are learned from."""

    mirror_probability: float = 0.0
    """Left and right change places."""
    noise: float = 0.0
    """Standard deviation of the logarithm of a factor of each distance and score."""
    hidden_probability: float = 0.0
    """Residuals, low confidence and deviations are hidden, each kind in so many rows: what is
    served may lack them."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is out of its range.
        """
        for name in ("mirror_probability", "hidden_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is needed")
        if not self.noise >= 0:
            raise ValueError(f"noise is {self.noise}; 0 or more is needed")


@dataclass(frozen=True)
class LossRecipe:
    """Weights of the parts of the objective; a part that the network does not judge has none."""

    good: float = 1.0
    """Cross-entropy of whether the mesh is good."""
    worst: float = 1.0
    """Cross-entropy of which joint is the worst."""
    joints: float = 1.0
    """Cross-entropy of whether each joint's error is small."""
    errors: float = 0.0
    """Squared error of the logarithm of each joint's error."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A weight is negative.
        """
        for name in ("good", "worst", "joints", "errors"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")


@dataclass(frozen=True, kw_only=True)
class MeshConfidenceRecipe(Experiment):
    """One experiment.

    A stage's `image_size` is that of the crops whose half is the unit of distances: nothing is
    resized.
    """

    network: MeshConfidenceConfig = field(default_factory=MeshConfidenceConfig)
    data: DataRecipe = field(default_factory=DataRecipe)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossRecipe = field(default_factory=LossRecipe)
