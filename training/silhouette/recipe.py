"""What an experiment with the silhouette network may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.silhouette.lite import LiteConfig
from model.silhouette.network import HourglassConfig
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation

ON_THE_FLY = "synthetic"
"""Instead of a folder: people are rendered during training, each seen once."""


@dataclass(frozen=True)
class DataRecipe:
    """Where samples come from."""

    pairs: tuple[str, ...] = ()
    """Folders in the SHADER layout, or the word `synthetic` alone."""
    photos: str | None = None
    """Folder of Clothing Co-Parsing; without it only rendered people are learned from."""
    photo_fraction: float = 0.35
    """Share of samples that are real photos."""
    street_fraction: float = 0.7
    """Share of rendered people that are put before a painted-over photo instead of their own
    background."""
    empty_fraction: float = 0.03
    """Share of samples that are painted-over photos without a person."""
    unchanged_fraction: float = 0.0
    """Share of samples that are rendered pictures without any augmentation but mirroring. The other
    shares are of the rest."""
    skin_weight: float = 8.0
    """Loss weight of a skin pixel of a photo; a background pixel has 1. Skin is 3 % of a photo."""
    bone_weight: float = 0.0
    """Loss weight of a pixel on a bone, where garments hide the body: 2 % of a photo; 0 leaves it
    unknown."""
    keypoints: str | None = None
    """File of `data keypoints` for the bones; without it, the one in the package, of the photos
    with pixel labels."""
    validation_fraction: float = 0.1
    """Share of rendered subjects that is held out: half of them to choose the best step by, half
    for `evaluate` to report."""
    max_validation: int = 256
    """Most held-out pictures of each kind that are judged during the run."""
    pair_side: int = 256
    """Rendered pictures are kept with at most so many pixels on their longer side."""
    photo_side: int = 384
    """Photos likewise."""
    max_packed_gb: float = 16.0
    """Rendered pictures that would take more are not kept decoded in one file, but decoded every
    time; 0 keeps none. The whole of SHADER would take 98 GB."""
    cache: str = ".cache/silhouette"
    """Where decoded pictures are kept."""

    def __post_init__(self) -> None:
        """Refuse shares outside of [0, 1].

        Raises:
            ValueError: Some share is, or a weight is negative.
        """
        for name in ("photo", "street", "empty", "unchanged", "validation"):
            share = getattr(self, f"{name}_fraction")
            if not 0 <= share <= 1:
                raise ValueError(f"{name}_fraction is {share}; 0 to 1 is needed")
        for name in ("skin_weight", "bone_weight", "max_packed_gb"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")


@dataclass(frozen=True)
class Augmentation:
    """How far samples differ from the pictures they are made from."""

    aspect: tuple[float, float] = (0.5, 1.7)
    """Width over height of a picture."""
    person_height: tuple[float, float] = (0.35, 0.98)
    """Of a person who fits into the picture, over the picture's height."""
    crop_probability: float = 0.25
    """Of a person who does not fit: head or feet are cut."""
    largest_height: float = 2.0
    """Of such a person, over the picture's height."""
    whole_probability: float = 0.5
    """Of a photo that is shown whole or nearly so, in its own proportions."""
    least_window: float = 0.5
    """Smallest part of a photo that is shown, over the largest that fits."""
    colour: float = 0.25
    """Strength of changes of brightness, contrast, saturation and of each colour."""
    grey_probability: float = 0.05
    blur_probability: float = 0.3
    noise_probability: float = 0.4
    jpeg_probability: float = 0.3


@dataclass(frozen=True)
class SilhouetteRecipe:
    """One experiment."""

    stages: tuple[Stage, ...]
    """Progressive resolution: small pictures first. The last size is the checkpoint's."""
    data: DataRecipe = field(default_factory=DataRecipe)
    network: HourglassConfig = field(default_factory=HourglassConfig)
    lite: LiteConfig | None = None
    """Trained instead of the hourglass."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    routine: Routine = field(default_factory=Routine)
    loss_mask: Literal["dressed", "naked"] = "dressed"
    """The mask n of the loss. With `naked`, as in the reference notebook, the target in cloth is 0
    and the decay is not learned."""
    objective: Literal["overlap", "squared_error"] = "overlap"
    """Loss of maps at the input's own resolution: cross-entropy and soft overlap, or the squared
    error of the reference notebook, which the maps of the hourglass's stacks always have."""
    outline_weight: float = 0.0
    """Weight of the outline loss of a map at the input's own resolution; 0 leaves it out."""
    weights: Literal["none", "package"] = "none"
    """Initial weights where there is no `initial`: drawn from the seed; or, for `lite`, an encoder
    trained on ImageNet from an installed package."""
    initial: str | None = None
    """Checkpoint that the weights start from. For `lite` it may be one of a clothing network of the
    same widths, whose last layer is left out."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ValueError: There is no stage, `outline_weight` is negative or has no map to apply to,
                or `weights` is given without `lite` or together with `initial`.
        """
        if not self.stages:
            raise ValueError("at least one stage is needed")
        weight = self.outline_weight
        if not weight >= 0:
            raise ValueError(f"outline_weight is {weight}; 0 or more is needed")
        if weight and not (self.lite or self.network.refinement_width):
            raise ValueError(
                f"outline_weight is {weight}; an hourglass without refinement has no map at the "
                "input's own resolution to apply it to"
            )
        if self.weights != "none" and self.lite is None:
            raise ValueError(f"weights = {self.weights!r} exist for `lite` networks only")
        if self.weights != "none" and self.initial is not None:
            raise ValueError(f"weights = {self.weights!r} and initial exclude each other")
