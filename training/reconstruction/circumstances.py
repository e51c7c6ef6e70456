"""What the service would say of measurements before it has intervals, and what is true.

N betas, M measurements.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from model.reconstruction.evidence import share_seen
from model.reconstruction.gaussian import ShapeGaussian, seen_in_part
from model.reconstruction.intervals import Circumstances
from model.reconstruction.known_size import BodySize
from model.reconstruction.measuring import ShapeTape, circumstances
from model.reconstruction.shapes import shape_of_person
from training.reconstruction.data import view_of
from training.reconstruction.estimating import Estimator
from training.reconstruction.stored_people import StoredPerson


class SeenPerson(NamedTuple):
    """One picture."""

    values: np.ndarray
    """(M,) estimated, in the order and the units of `MEASUREMENTS`."""
    about: Circumstances
    truth: np.ndarray
    """(M,)"""
    beta_errors: np.ndarray
    """(N,) in their own deviations."""


class SeenPeople:
    """Looks at stored people as the predictor does."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._tape = ShapeTape(estimator.body)
        self._size = BodySize(estimator.body.smpl)
        self._truths: dict[bytes, np.ndarray] = {}

    def of(self, people: Sequence[StoredPerson], known: int) -> list[SeenPerson]:
        """Some pictures, each for itself.

        Args:
            people: As stored.
            known: 1 for the height, 2 for the weight, 3 for both, 0 for neither.
        """
        config = self._estimator.config
        views = [view_of(one, config, bool(known & 1), bool(known & 2)) for one in people]
        estimates, observed = self._estimator.look(views)
        betas, spread = (part.cpu().numpy() for part in estimates[:2])
        gaussians = [
            seen_in_part(ShapeGaussian.independent(*parts), share_seen(view.keypoints))
            for *parts, view in zip(betas, spread, views, strict=True)
        ]
        shapes = [
            shape_of_person([place], views, gaussians, 0.0, self._size)
            for place in range(len(views))
        ]
        values = self._tape.measure(np.stack([shape.gaussian.mean for shape in shapes]))
        abouts = circumstances(self._tape, shapes, views, observed.confidence)
        truths = [self._truth(person) for person in people]
        errors = (betas - np.stack([one.betas for one in people])) / np.exp(spread / 2)
        return [SeenPerson(*parts) for parts in zip(values, abouts, truths, errors, strict=True)]

    def _truth(self, person: StoredPerson) -> np.ndarray:
        """Measured once for all pictures of a person."""
        key = person.betas.tobytes()
        if key not in self._truths:
            self._truths[key] = self._tape.measure(person.betas[None].astype(np.float64))[0]
        return self._truths[key]
