"""What an experiment with a clothing network may set."""

from dataclasses import dataclass, field
from typing import Literal

from model.clothing.network import ClothingConfig
from training.datasets.photometry import Photometry
from training.engine.experiment import Experiment


@dataclass(frozen=True)
class DataRecipe:
    """Where samples come from."""

    photos: str | None = None
    """Folder of Clothing Co-Parsing, in its own layout or in that of the Kaggle re-pack."""
    tagged: str | None = None
    """Folder that `python -m training data tagged` wrote: more photos to learn from, whose labels a
    network and the photos' tags made."""
    photo_side: int = 448
    """Photos are kept with at most so many pixels on their longer side."""
    cache: str = ".cache/clothing"
    """Where packed photos are kept."""
    repeat_threshold: float = 0.0
    """Photos with a group that is in a smaller share of the photos come more often: sqrt(this over
    that share) times; 0 lets all come alike."""

    def __post_init__(self) -> None:
        """Refuse photos too small to be anything.

        Raises:
            ValueError: `photo_side` is under 32, or `repeat_threshold` is no share.
        """
        if not 0 <= self.repeat_threshold <= 1:
            raise ValueError(f"repeat_threshold is {self.repeat_threshold}; 0 to 1 is needed")
        if self.photo_side < 32:
            raise ValueError(f"photo_side is {self.photo_side}; at least 32 is needed")


@dataclass(frozen=True)
class Augmentation(Photometry):
    """How far samples differ from the photos they are made from."""

    flip_probability: float = 0.5
    zoom: tuple[float, float] = (0.55, 1.1)
    """Sides of the part that is shown, over those of the largest part in the sample's proportions;
    above 1 there is grey around the photo, whose labels are unknown."""
    stretch: float = 0.12
    """Largest change of the proportions, as a logarithm."""
    rotation_deg: float = 8.0
    """Largest rotation to either side."""
    blur_probability: float = 0.2
    noise_probability: float = 0.2
    jpeg_probability: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ValueError: A probability is none, or a range is empty or not positive.
        """
        for name in ("flip", "grey", "blur", "noise", "jpeg"):
            value = getattr(self, f"{name}_probability")
            if not 0 <= value <= 1:
                raise ValueError(f"{name}_probability is {value}; 0 to 1 is needed")
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise ValueError(f"zoom is {list(self.zoom)}; 0 < from <= to is needed")
        for name in ("stretch", "rotation_deg", "colour"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")


@dataclass(frozen=True)
class LossRecipe:
    """The parts of the objective."""

    class_power: float = 0.2
    """A label's pixels count (its share of all pixels over that of the commonest label) to minus
    this power; 0 lets all count alike."""
    class_limit: float = 5.0
    """What a pixel counts at most."""
    smoothing: float = 0.05
    """Share of the probability that the truth leaves to all labels alike."""
    overlap: float = 0.5
    """Weight of the soft overlap of fine labels, beside the cross-entropy's 1."""
    group_overlap: float = 0.5
    """Weight of the soft overlap of groups."""
    auxiliary: float = 0.4
    """Weight of each auxiliary head, beside the main head's 1."""

    def __post_init__(self) -> None:
        """Refuse weights that are none.

        Raises:
            ValueError: Something is out of its range.
        """
        for name in ("class_power", "overlap", "group_overlap", "auxiliary"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")
        if not self.class_limit >= 1:
            raise ValueError(f"class_limit is {self.class_limit}; 1 or more is needed")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing is {self.smoothing}; 0 <= smoothing < 1 is needed")


@dataclass(frozen=True, kw_only=True)
class ClothingRecipe(Experiment):
    """One experiment. A stage's `image_size` is the height of pictures two thirds as wide."""

    network: ClothingConfig
    data: DataRecipe = field(default_factory=DataRecipe)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossRecipe = field(default_factory=LossRecipe)
    weights: Literal["none", "imagenet", "coco", "package"] = "none"
    """What the network starts from: weights drawn from the seed; an encoder trained on ImageNet, or
    everything but the last layers trained on COCO, both downloaded by torchvision; or an encoder
    trained on ImageNet from an installed package."""

    def __post_init__(self) -> None:
        """Refuse an experiment without steps, or with two beginnings.

        Raises:
            ValueError: There is no stage, or `initial` is given beside `weights`.
        """
        super().__post_init__()
        if self.initial is not None and self.weights != "none":
            raise ValueError(f"initial and weights = {self.weights!r} are two beginnings; name one")
