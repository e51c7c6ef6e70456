"""A photo all the way through: the silhouette network, then the regressor, as the service does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.errors import InvalidInputError
from model.reconstruction.predictor import PersonView, ReconstructionItem
from model.reconstruction.result import Reconstruction
from model.silhouette.predictor import SilhouettePredictor
from training.reconstruction.estimating import Estimator


@dataclass(frozen=True)
class WholeWay:
    """Both networks."""

    silhouettes: SilhouettePredictor
    refine: bool = False

    def __post_init__(self) -> None:
        """Refuse a network that gives no boxes.

        Raises:
            InvalidInputError: It does not look for people.
        """
        if not self.silhouettes.finds_people:
            raise InvalidInputError("the silhouette network does not look for people")

    def views(self, images: Sequence[np.ndarray]) -> list[PersonView | None]:
        """The person with the largest box in each photo; None where nobody is found."""
        found: list[PersonView | None] = []
        for image, result in zip(images, self.silhouettes.predict_batch(images), strict=True):
            assert result.people is not None
            if not result.people:
                found.append(None)
                continue
            person = max(result.people, key=lambda one: one.size[0] * one.size[1])
            found.append(PersonView(image, person.box, person.keypoints, result.confidence))
        return found

    def __call__(
        self, estimator: Estimator, images: Sequence[np.ndarray]
    ) -> list[Reconstruction | None]:
        """The largest person's body in each photo."""
        views = self.views(images)
        bodies = iter(reconstructed(estimator, [v for v in views if v is not None], self.refine))
        return [None if view is None else next(bodies) for view in views]

    def heights(
        self, estimator: Estimator, view: PersonView, heights_m: Sequence[float]
    ) -> list[float]:
        """How tall the body is when the caller gives each of several heights."""
        bodies = reconstructed(
            estimator, [replace(view, height_m=height) for height in heights_m], refine=False
        )
        return [
            next(one.value for one in body.measurements if one.name == "height") for body in bodies
        ]


def reconstructed(
    estimator: Estimator, views: Sequence[PersonView], refine: bool
) -> list[Reconstruction]:
    """The body in each view, each for itself.

    Raises:
        InvalidInputError: The regressor sees what only training knows.
    """
    if estimator.served is None:
        raise InvalidInputError(
            f"a regressor with the input {estimator.config.inputs!r} cannot look at photos: the "
            "true silhouette is not known"
        )
    items = [ReconstructionItem((view,), refine=refine) for view in views]
    return [people[0] for people in estimator.served.predict_batch(items)]
