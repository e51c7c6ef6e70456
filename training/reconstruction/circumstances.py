"""What the service would say of measurements before it has intervals, and what is true.

N betas, M measurements.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from model.reconstruction.evidence import share_seen
from model.reconstruction.gaussian import ShapeGaussian, seen_in_part
from model.reconstruction.inputs import preprocess
from model.reconstruction.intervals import Circumstances
from model.reconstruction.known_size import BodySize
from model.reconstruction.looseness import looseness
from model.reconstruction.measuring import ShapeTape
from model.reconstruction.network import Estimates, NetworkInput
from model.reconstruction.observations import observe
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
        estimator = self._estimator
        views = [view_of(one, estimator.config, bool(known & 1), bool(known & 2)) for one in people]
        prepared = [preprocess(view, estimator.config, estimator.input_size) for view in views]
        inputs = NetworkInput.joined([part for part, _ in prepared])
        crops = [crop for _, crop in prepared]
        observed = observe(views, crops, inputs.keypoints, estimator.config, estimator.device)
        with torch.no_grad():
            estimates: Estimates = estimator.network(*(p.to(estimator.device) for p in inputs))
        betas, spread = (part.cpu().numpy() for part in estimates[:2])
        shown = [share_seen(view.keypoints) for view in views]
        gaussians = [
            seen_in_part(ShapeGaussian.independent(*parts), share)
            for *parts, share in zip(betas, spread, shown, strict=True)
        ]
        shapes = [
            shape_of_person([place], views, gaussians, 0.0, self._size)
            for place in range(len(views))
        ]
        values = self._tape.measure(np.stack([shape.gaussian.mean for shape in shapes]))
        doubts = [looseness(one) for one in observed.confidence[:, 0].cpu().numpy()]
        found = []
        for place, person in enumerate(people):
            about = Circumstances(
                self._tape.deviations(shapes[place].gaussian),
                doubts[place],
                1 - shown[place],
                bool(known & 1),
                bool(known & 2),
            )
            errors = (betas[place] - person.betas) / np.exp(spread[place] / 2)
            found.append(SeenPerson(values[place], about, self._truth(person), errors))
        return found

    def _truth(self, person: StoredPerson) -> np.ndarray:
        """Measured once for all pictures of a person."""
        key = person.betas.tobytes()
        if key not in self._truths:
            self._truths[key] = self._tape.measure(person.betas[None].astype(np.float64))[0]
        return self._truths[key]
