"""Scores of rendered people: what is kept of each picture.

N betas, M measurements, V vertices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from model.body.predictor import BodyParameters, BodyPredictor
from model.reconstruction.evidence import share_seen
from model.reconstruction.predictor import ReconstructionItem
from model.reconstruction.result import Reconstruction
from training.datasets.evaluation_pictures import azimuth_deg
from training.reconstruction.baselines import t_pose
from training.reconstruction.data import view_of
from training.reconstruction.estimating import Estimate, Estimator
from training.reconstruction.metrics import (
    PoseErrors,
    ShapeErrors,
    TPose,
    pose_errors,
    shape_errors,
)
from training.reconstruction.stored_people import RGB, PictureName, StoredPeople, StoredPerson
from training.reporting.partial_results import Floats


class Guess(NamedTuple):
    """A body's errors, as far as they were measured."""

    shape: ShapeErrors = ShapeErrors()
    pose: PoseErrors = PoseErrors()


class Intervals(NamedTuple):
    """Predicted intervals of one body, in the order of `MEASUREMENTS`; empty where not measured."""

    low: Floats
    high: Floats


class PersonScore(NamedTuple):
    """Of one picture."""

    alone: Guess
    """From the photo alone."""
    known: Guess
    """With the true height and weight."""
    refined: Guess
    """From the photo alone, refined."""
    dressed: Guess
    """By the network that sees the dressed silhouette."""
    betas: Floats
    """(N,) from the photo alone."""
    log_variance: Floats
    """(N,) of them."""
    true_betas: Floats
    seen: float
    """Share of the body that the picture shows, in [0, 1]."""
    intervals: Intervals
    """From the photo alone."""
    known_intervals: Intervals
    """With height and weight."""
    looseness: float
    azimuth_deg: float
    bmi: float


class Sight(NamedTuple):
    """What was found in one picture."""

    alone: Estimate
    plain: Reconstruction | None
    known: Reconstruction | None
    refined: Reconstruction | None
    dressed: Estimate | None


class PersonItem(NamedTuple):
    """One stored picture, as evaluation takes it."""

    person: StoredPerson
    name: PictureName

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return np.ascontiguousarray(self.person.layers[..., RGB])


class TestPeople:
    """Prepared people that neither learning nor choosing has seen."""

    __test__ = False  # for pytest

    def __init__(self, people: StoredPeople, digest: str) -> None:
        """Take them.

        Args:
            people: The pictures.
            digest: Of the settings that they were made with.
        """
        self.people = people
        self._digest = digest

    def __len__(self) -> int:
        return len(self.people)

    def key(self, index: int) -> str:
        """Folder, subject, frame."""
        name = self.people.name(index)
        return f"{name.folder}/{name.subject}/{name.frame}"

    def stamp(self, index: int) -> str:  # noqa: ARG002  (the same for all)
        """Of the folder's settings."""
        return self._digest

    def __getitem__(self, index: int) -> PersonItem:
        """One picture."""
        return PersonItem(self.people[index], self.people.name(index))


@dataclass(frozen=True)
class Looks:
    """How each person is looked at: the network's ways, and another network's."""

    refine: bool = False
    dressed: Estimator | None = None

    def __call__(self, estimator: Estimator, items: Sequence[PersonItem]) -> list[Sight]:
        """All that is found in some pictures."""
        people = [item.person for item in items]
        alone = estimator.estimate(people)
        nothing: list[None] = [None] * len(people)
        dressed = nothing if self.dressed is None else self.dressed.estimate(people)
        plain, known, refined = (
            nothing if estimator.served is None else self._served(estimator, people, way)
            for way in ("plain", "known", "refined")
        )
        return [Sight(*parts) for parts in zip(alone, plain, known, refined, dressed, strict=True)]

    def _served(
        self, estimator: Estimator, people: Sequence[StoredPerson], way: str
    ) -> "list[Reconstruction] | list[None]":
        if way == "refined" and not self.refine:
            return [None] * len(people)
        assert estimator.served is not None
        items = []
        for person in people:
            view = view_of(person, estimator.config)
            if way == "known":
                height, weight = person.stature.tolist()
                view = replace(view, height_m=height, weight_kg=weight)
            items.append(ReconstructionItem((view,), refine=way == "refined"))
        return [found[0] for found in estimator.served.predict_batch(items)]


class PersonScorer:
    """Compares what was found with the truth."""

    def __init__(self, body: BodyPredictor) -> None:
        self._body = body
        # The pictures of a person come one after the other.
        self._t_pose = lru_cache(maxsize=4)(self._measured)

    def __call__(self, item: PersonItem, sight: Sight) -> PersonScore:
        """The score of one picture."""
        person = item.person
        truth = self._t_pose(tuple(person.betas.tolist()))
        parameters = BodyParameters(person.betas, person.pose[1:], person.pose[0], person.transl)
        (posed,) = self._body.predict_batch([parameters])
        true_pose = posed.vertices, posed.joints

        def of_estimate(found: Estimate | None) -> Guess:
            if found is None:
                return Guess()
            return Guess(
                shape_errors(t_pose(self._body, found.betas), truth),
                pose_errors(found.vertices, found.joints, *true_pose),
            )

        def of_result(found: Reconstruction | None) -> Guess:
            if found is None:
                return Guess()
            up = np.array([1, -1, -1])
            return Guess(
                shape_errors(t_pose(self._body, found.betas), truth),
                pose_errors(found.vertices * up, found.joints * up, *true_pose),
            )

        height, weight = person.stature.tolist()
        return PersonScore(
            alone=of_estimate(sight.alone),
            known=of_result(sight.known),
            refined=of_result(sight.refined),
            dressed=of_estimate(sight.dressed),
            betas=sight.alone.betas,
            log_variance=sight.alone.log_variance,
            true_betas=person.betas.astype(np.float64),
            seen=share_seen(person.found),
            intervals=_intervals(sight.plain),
            known_intervals=_intervals(sight.known),
            looseness=float(person.looseness[0]),
            azimuth_deg=azimuth_deg(person.pose[0]),
            bmi=weight / height**2,
        )

    def _measured(self, betas: tuple[float, ...]) -> TPose:
        return t_pose(self._body, np.array(betas))


def _intervals(found: Reconstruction | None) -> Intervals:
    measured = () if found is None else found.measurements
    return Intervals(
        np.array([one.low for one in measured]), np.array([one.high for one in measured])
    )
