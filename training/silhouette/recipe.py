"""What an experiment with the silhouette network may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.silhouette.lite import LiteConfig
from model.silhouette.network import HourglassConfig
from training.datasets.photometry import Photometry
from training.datasets.random_crops import CropSettings
from training.engine.experiment import Experiment

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
class Augmentation(CropSettings, Photometry):
    """How far samples differ from the pictures they are made from."""

    whole_probability: float = 0.5
    """Of a photo that is shown whole or nearly so, in its own proportions."""


@dataclass(frozen=True, kw_only=True)
class SilhouetteRecipe(Experiment):
    """One experiment. For `lite`, `initial` may be a clothing checkpoint of the same widths."""

    data: DataRecipe = field(default_factory=DataRecipe)
    network: HourglassConfig = field(default_factory=HourglassConfig)
    lite: LiteConfig | None = None
    """Trained instead of the hourglass."""
    augmentation: Augmentation = field(default_factory=Augmentation)
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

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ValueError: There is no stage, `outline_weight` is negative or has no map to apply to,
                or `weights` is given without `lite` or together with `initial`.
        """
        super().__post_init__()
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
