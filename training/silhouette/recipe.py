"""What an experiment with the silhouette network may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.silhouette.lite import LiteConfig
from model.silhouette.network import HourglassConfig
from training.engine.batches import Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation

ON_THE_FLY = "synthetic"
"""In the place of a folder: people rendered while training goes on, each seen once."""


@dataclass(frozen=True)
class DataRecipe:
    """Where samples come from."""

    pairs: tuple[str, ...] = ()
    """Folders in the SHADER layout, or the word `synthetic` alone."""
    people_seed: int = 0
    """Of people on the fly; another seed gives other people."""
    frames_on_the_fly: int = 8
    """Pictures of each person on the fly."""
    photos: str | None = None
    """Folder of Clothing Co-Parsing; without it there are rendered people only."""
    photo_fraction: float = 0.35
    """Share of samples that are real photos."""
    street_fraction: float = 0.7
    """Share of rendered people that stand before a painted-over real photo rather than before their
    own background."""
    empty_fraction: float = 0.03
    """Share of samples that are painted-over photos without anybody."""
    unchanged_fraction: float = 0.0
    """Share of samples that are rendered pictures just as they are: whole, in their own colours,
    and as sharp as they were rendered, which a part at another size never is. The other shares are
    of the rest."""
    skin_weight: float = 8.0
    """What a skin pixel of a photo counts; a background pixel counts 1. Skin is 3 % of a photo."""
    bone_weight: float = 0.0
    """What a pixel on a bone counts, where garments hide the body: 2 % of a photo; 0 leaves it
    unknown."""
    keypoints: str | None = None
    """File of `data keypoints` that the bones come from; without it, the one that comes with the
    package, for the photos with pixel labels."""
    validation_fraction: float = 0.1
    """Share of rendered subjects that are held out: half of them to choose the best step by, half
    for `evaluate` to report."""
    max_validation: int = 256
    """Most held-out pictures of each kind that are judged during the run."""
    pair_side: int = 256
    """Rendered pictures are kept with at most so many pixels on their longer side."""
    photo_side: int = 384
    """Photos likewise."""
    pack_pairs: bool = True
    """Keep decoded rendered pictures in a file (a third of a megabyte each, with 256 pixels)
    rather than decode them every time."""
    max_packed_gb: float = 16.0
    """Where such a file would be larger, pictures are decoded every time nevertheless: the whole of
    SHADER would take 98 GB."""
    cache: str = ".cache/silhouette"
    """Where packed pictures are kept."""

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: A share is outside of [0, 1], a weight is negative, or people on the fly
                have no pictures.
        """
        for name in (
            "photo_fraction",
            "street_fraction",
            "empty_fraction",
            "unchanged_fraction",
            "validation_fraction",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is needed")
        if self.frames_on_the_fly < 1:
            raise ValueError(f"frames_on_the_fly is {self.frames_on_the_fly}; at least 1 is needed")
        for name in ("bone_weight", "max_packed_gb"):
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
    """Trained in the place of the hourglass."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    routine: Routine = field(default_factory=Routine)
    loss_mask: Literal["dressed", "naked"] = "dressed"
    """The n of the loss; with `naked`, as in the notebook, the decay in cloth is not learned."""
    objective: Literal["overlap", "squared_error"] = "overlap"
    """What maps at the input's own resolution learn by: cross-entropy and overlap; or, as in the
    notebook, the squared error that all maps of the hourglass's stacks learn by."""
    outline_weight: float = 0.0
    """What the overlap of the parts above a half counts in the loss of a map at the input's own
    resolution, beside the overlap of the maps; 0 leaves it out."""
    weights: Literal["none", "package"] = "none"
    """What the weights start from where there is no `initial`: drawn from the seed; or, for `lite`,
    an encoder trained on ImageNet from an installed package."""
    initial: str | None = None
    """Checkpoint that the weights start from. For `lite` it may be one of a clothing network of the
    same widths, whose last layer is left out."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""

    def __post_init__(self) -> None:
        """Refuse an experiment without steps, or with two beginnings.

        Raises:
            ValueError: There is no stage, `outline_weight` is negative or has no map to
                count for, or `weights` is given without `lite` or beside `initial`.
        """
        if not self.stages:
            raise ValueError("at least one stage is needed")
        weight = self.outline_weight
        if not weight >= 0:
            raise ValueError(f"outline_weight is {weight}; 0 or more is needed")
        if weight and not (self.lite or self.network.refinement_width):
            raise ValueError(
                f"outline_weight is {weight}; an hourglass without refinement has no map at the "
                "input's own resolution that it could count for"
            )
        if self.weights != "none" and self.lite is None:
            raise ValueError(f"weights = {self.weights!r} are those of a lite network")
        if self.weights != "none" and self.initial is not None:
            raise ValueError(f"initial and weights = {self.weights!r} are two beginnings; name one")
