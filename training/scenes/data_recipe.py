"""Where samples come from, as a recipe says it."""

from dataclasses import dataclass

ON_THE_FLY = "synthetic"
"""Instead of a folder: people are rendered during training, each seen once."""


@dataclass(frozen=True)
class DataRecipe:
    """Where samples come from, and their shares.

    A sample is a photo; or a place of nobody; or a group of people before such a place; or else a
    rendered picture.
    """

    pairs: tuple[str, ...] = ()
    """Folders in the SHADER layout, or the word `synthetic` alone."""
    poses: str | None = None
    """Folder of BVH clips, for people rendered during training."""
    photos: str | None = None
    """Folder of Clothing Co-Parsing."""
    labels: str | None = None
    """Folder of `data label-photos`. Without photos and labels only rendered people are learned
    from, before their own backgrounds."""
    photo_fraction: float = 0.3
    """Share of samples that are photos."""
    empty_fraction: float = 0.05
    """Share of samples without a person."""
    rendered_places: int = 0
    """Rendered pictures of nobody that join the photos of nobody."""
    group_fraction: float = 0.4
    """Share of samples with people who are cut out and put before another place: every second time
    one person, else up to `scenes.most_people`."""
    cutout_fraction: float = 0.25
    """Share of these people who are cut out of photos."""
    unvaried_fraction: float = 0.1
    """Share of samples whose colours and sharpness stay as they are."""
    body_weight: float = 4.0
    """Loss weight of a pixel of a photo that is known to be body; one of the background has 1."""
    keypoints: str | None = None
    """File of `data keypoints`; without it, the one in the package, of the photos with pixel
    labels."""
    validation_fraction: float = 0.1
    """Share of rendered subjects that is held out: half of them to choose the best step by, half
    for `evaluate` to report."""
    max_validation: int = 256
    """Most held-out pictures of each kind that are judged during the run."""
    pair_side: int = 256
    """Rendered pictures are kept with at most so many pixels on their longer side."""
    photo_side: int = 448
    """Photos likewise."""
    max_packed_gb: float = 16.0
    """Rendered pictures that would take more are not kept decoded in one file, but decoded every
    time; 0 keeps none. The whole of SHADER would take 157 GB."""
    cache: str = ".cache/silhouette"
    """Where decoded pictures are kept."""

    def __post_init__(self) -> None:
        """Refuse shares outside of [0, 1].

        Raises:
            ValueError: Some share is, or a weight is negative.
        """
        for name in ("photo", "empty", "group", "cutout", "unvaried", "validation"):
            share = getattr(self, f"{name}_fraction")
            if not 0 <= share <= 1:
                raise ValueError(f"{name}_fraction is {share}; 0 to 1 is needed")
        shares = self.photo_fraction + self.empty_fraction + self.group_fraction
        if shares > 1:
            raise ValueError(
                f"photo_fraction, empty_fraction and group_fraction add up to {shares:g}; "
                "1 at most is possible"
            )
        for name in ("body_weight", "max_packed_gb"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is needed")
