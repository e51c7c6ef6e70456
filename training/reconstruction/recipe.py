"""What an experiment with the regressor may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.reconstruction.network import SMALL, ReconstructionConfig
from training.datasets.photometry import Photometry
from training.engine.experiment import Experiment


@dataclass(frozen=True)
class DataRecipe:
    """Where samples come from."""

    people: tuple[str, ...] = ()
    """Folders that `data reconstruction` wrote."""
    body: str = "checkpoints/body_neutral.safetensors"
    """Asset that the betas belong to."""
    validation_fraction: float = 0.1
    """Share of the subjects that is held out: half of them to choose the best step by, half that
    neither learning nor choosing sees."""
    max_validation: int = 512
    """Most pictures that are judged during the run."""

    def __post_init__(self) -> None:
        """Refuse what is no share.

        Raises:
            ValueError: `validation_fraction` is not in (0, 1), or nothing would be judged.
        """
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}; between 0 and 1 is needed"
            )
        if self.max_validation < 1:
            raise ValueError(f"max_validation is {self.max_validation}; at least 1 is needed")


@dataclass(frozen=True)
class Augmentation:
    """How far samples differ from the pictures they are made from."""

    mirrored_fraction: float = 0.5
    varied_fraction: float = 0.7
    """Share of samples whose colours change."""
    shift: float = 0.03
    """Standard deviation of the box's place, over its longer side."""
    scale: float = 0.06
    """Standard deviation of the logarithm of the box's size."""
    keypoint_noise: float = 0.005
    """Standard deviation of keypoints, over the longer side of the box; beyond the errors that the
    network makes."""
    dropped_fraction: float = 0.05
    """Share of keypoints that are taken away."""
    cut_fraction: float = 0.15
    """Share of samples that are cut at one edge of the picture."""
    most_cut: float = 0.4
    """Share of the person's box that is cut off at most."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ValueError: Some number is out of its range.
        """
        for name in ("mirrored", "varied", "dropped", "cut"):
            share = getattr(self, f"{name}_fraction")
            if not 0 <= share <= 1:
                raise ValueError(f"{name}_fraction is {share}; 0 to 1 is needed")
        for name in ("shift", "scale", "keypoint_noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")
        if not 0 <= self.most_cut < 1:
            raise ValueError(f"most_cut is {self.most_cut}; 0 <= share < 1 is needed")


@dataclass(frozen=True)
class LossRecipe:
    """Weights of the parts of the objective; see `losses`."""

    betas: float = 1.0
    shape: float = 10.0
    vertices: float = 5.0
    joints: float = 10.0
    rotations: float = 1.0
    reprojection: float = 4.0
    camera: float = 1.0

    def __post_init__(self) -> None:
        """Refuse negative weights.

        Raises:
            ValueError: One is.
        """
        for name, weight in vars(self).items():
            if not weight >= 0:
                raise ValueError(f"loss.{name} is {weight}; 0 or more is needed")


@dataclass(frozen=True, kw_only=True)
class ReconstructionRecipe(Experiment):
    """One experiment. A stage's `image_size` is the side of the crops."""

    network: ReconstructionConfig = field(default_factory=ReconstructionConfig)
    """Its `inputs` say what the network sees."""
    data: DataRecipe = field(default_factory=DataRecipe)
    augmentation: Augmentation = field(default_factory=Augmentation)
    colours: Photometry = field(default_factory=Photometry)
    loss: LossRecipe = field(default_factory=LossRecipe)
    height_known_fraction: float = 0.35
    """Share of samples in which the true height is an input."""
    weight_known_fraction: float = 0.35
    """Share of samples in which the true weight is an input, independently of the height."""
    num_vertices: int = 512
    """Vertices of the body that losses look at."""
    weights: Literal["none", "package"] = "none"
    """Initial weights where there is no `initial`: drawn from the seed; or an encoder trained on
    ImageNet from an installed package."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ValueError: There is no stage, a share is none, or `weights` is given together with
                `initial` or without an EfficientNet-Lite.
        """
        super().__post_init__()
        for name in ("height_known_fraction", "weight_known_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is needed")
        if self.num_vertices < 1:
            raise ValueError(f"num_vertices is {self.num_vertices}; at least 1 is needed")
        if self.weights != "none" and self.network.variant == SMALL:
            raise ValueError(f"weights = {self.weights!r} exist for EfficientNet-Lite only")
        if self.weights != "none" and self.initial is not None:
            raise ValueError(f"weights = {self.weights!r} and initial exclude each other")
