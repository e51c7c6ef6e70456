"""People in photos in, bodies out.

V vertices, K keypoints, N betas, M measurements.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model.backend.torch_copy import fold_batch_norms
from model.body.predictor import BodyPredictor
from model.body.rotation import rotation_6d_to_matrix
from model.errors import CheckpointError, InvalidInputError
from model.reconstruction.body_points import BodyPoints
from model.reconstruction.checkpoint import Regressor, load_regressor
from model.reconstruction.decode import posed
from model.reconstruction.evidence import share_seen
from model.reconstruction.gaussian import ShapeGaussian, seen_in_part
from model.reconstruction.inputs import PersonView, preprocess
from model.reconstruction.known_size import BodySize
from model.reconstruction.measuring import ShapeTape, measured_people
from model.reconstruction.network import LAYERS, NUM_KEYPOINTS, Estimates, NetworkInput
from model.reconstruction.observations import Observed, observe
from model.reconstruction.refine import NUM_POINTS, Fit, Refiner, spread_vertices
from model.reconstruction.result import Reconstruction
from model.reconstruction.results_of_batch import reconstructions
from model.reconstruction.shapes import PersonShape, shape_of_person

__all__ = ["PersonView", "ReconstructionItem", "ReconstructionPredictor", "preprocess"]
BODY_FILE = "body_neutral.safetensors"
"""The body asset, beside the checkpoint."""


@dataclass(frozen=True)
class ReconstructionItem:
    """People to reconstruct together."""

    people: tuple[PersonView, ...]
    """Each with a confidence map."""
    same_person: bool = False
    """Whether all are photos of one person, whose shape is then one."""
    refine: bool = False
    """Whether each body is fitted to its keypoints and its map once more."""

    def persons(self, first: int) -> list[list[int]]:
        """The photos of each person.

        Args:
            first: Index of the first photo.
        """
        photos = list(range(first, first + len(self.people)))
        return [photos] if self.same_person and photos else [[photo] for photo in photos]


class ReconstructionPredictor:
    """A regressor and a body asset with the way from photos and back around them."""

    def __init__(
        self, regressor: Regressor, body: BodyPredictor, device: torch.device | str = "cpu"
    ) -> None:
        """Put both together.

        Args:
            regressor: Its network is copied to the device.
            body: The asset that its betas belong to, on the same device.
            device: Where to run.

        Raises:
            ValueError: The regressor belongs to another asset, or needs what no photo has.
        """
        config = regressor.network.config
        if "silhouette" in LAYERS[config.inputs]:
            raise ValueError(f"the input {config.inputs!r} is known in training alone")
        if config.num_betas != body.num_betas:
            raise ValueError(
                f"the regressor has {config.num_betas} betas and the body {body.num_betas}"
            )
        if regressor.keypoint_weights.shape[1] != len(body.smpl.v_template):
            raise ValueError("the regressor's keypoints are of a body with another topology")
        self.device = torch.device(device)
        self.body = body
        self.header = regressor.header
        self.config = config
        self.input_size = regressor.input_size
        folded = fold_batch_norms(copy.deepcopy(regressor.network).eval()).requires_grad_(False)
        self._network = folded.to(self.device, memory_format=torch.channels_last)
        self._regressor = regressor
        self._tape = ShapeTape(body)
        self._size = BodySize(body.smpl)
        others = spread_vertices(body.smpl.v_template, NUM_POINTS)
        points = BodyPoints(body.smpl, regressor.keypoint_weights.to(self.device), others)
        self._refiner = Refiner(points)

    @property
    def keypoint_weights(self) -> Float[np.ndarray, "K V"]:
        """COCO's keypoints as weighted sums of the body's vertices; rows sum to one."""
        return self._regressor.keypoint_weights.numpy()

    @classmethod
    def from_checkpoint(
        cls,
        path: Path,
        device: torch.device | str = "cpu",
        precision: str = "auto",  # noqa: ARG003
    ) -> "ReconstructionPredictor":
        """Load a regressor, and the body asset beside it.

        Args:
            path: The regressor's checkpoint.
            device: Where to run.
            precision: Has no effect: the network computes in float32. It is small, and its numbers
                are coordinates.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: A file is damaged, holds something else, or is not there.
        """
        regressor = load_regressor(path)
        beside = path.with_name(BODY_FILE)
        if not beside.is_file():
            raise CheckpointError(f"{path.name} needs {BODY_FILE} beside it; there is none")
        body = BodyPredictor.from_checkpoint(beside, device)
        assert body.header is not None
        if body.header.sha256 != regressor.body_sha256:
            raise CheckpointError(
                f"{path.name} was trained with the body {regressor.body_sha256[:12]}…; "
                f"{BODY_FILE} holds {body.header.sha256[:12]}…"
            )
        try:
            return cls(regressor, body, device)
        except ValueError as error:
            raise CheckpointError(f"{path.name} cannot be served: {error}") from error

    def example(self) -> ReconstructionItem:
        """An item that everything is needed for."""
        side = self.input_size
        keypoints = np.full((NUM_KEYPOINTS, 3), side / 2, np.float32)
        keypoints[:, 2] = 1
        view = PersonView(
            np.zeros((side, side, 3), np.uint8),
            np.array([0, 0, side, side], np.float32),
            keypoints,
            np.zeros((side, side), np.float32),
        )
        return ReconstructionItem((view,))

    def predict_batch(
        self, items: Sequence[ReconstructionItem]
    ) -> list[tuple[Reconstruction, ...]]:
        """For each item its people, in their order.

        Raises:
            InvalidInputError: A box or a keypoint is not finite, a person has no confidence map, or
                photos of one person disagree about their height or weight.
        """
        views = [view for item in items for view in item.people]
        if not views:
            return [() for _ in items]
        for view in views:
            _check(view)
        with torch.no_grad():
            found = self._reconstruct(items, views)
        ends = np.cumsum([len(item.people) for item in items]).tolist()
        return [
            tuple(found[end - len(item.people) : end])
            for item, end in zip(items, ends, strict=True)
        ]

    def _reconstruct(
        self, items: Sequence[ReconstructionItem], views: Sequence[PersonView]
    ) -> list[Reconstruction]:
        prepared = [preprocess(view, self.config, self.input_size) for view in views]
        inputs = NetworkInput.joined([part for part, _ in prepared])
        crops = [crop for _, crop in prepared]
        observed = observe(views, crops, inputs.keypoints, self.config, self.device)
        estimates: Estimates = self._network(*(part.to(self.device) for part in inputs))
        betas, log_variance = (part.cpu().numpy() for part in estimates[:2])
        gaussians = [
            seen_in_part(ShapeGaussian.independent(mean, spread), share_seen(view.keypoints))
            for mean, spread, view in zip(betas, log_variance, views, strict=True)
        ]
        persons: list[list[int]] = []
        is_refined: list[bool] = []
        first = 0
        for item in items:
            persons += item.persons(first)
            is_refined += [item.refine] * (len(persons) - len(is_refined))
            first += len(item.people)
        correlation = self._regressor.error_correlation
        shapes = [
            shape_of_person(photos, views, gaussians, correlation, self._size) for photos in persons
        ]
        fit = Fit(estimates.betas, estimates.rotations, estimates.camera)
        fit = self._resized(fit, shapes)
        if any(is_refined):
            shapes, fit = self._refined(shapes, is_refined, fit, observed)
        measured = measured_people(
            self._tape, self._regressor.intervals, shapes, views, observed.confidence
        )
        people = posed(
            self.body.smpl,
            fit.betas,
            rotation_6d_to_matrix(fit.rotations),
            observed.cameras.pelvis(fit.camera),
        )
        return reconstructions(views, shapes, measured, people, observed.cameras)

    def _resized(self, fit: Fit, shapes: Sequence[PersonShape]) -> Fit:
        """With the betas of the shapes, as large in each photo as before."""
        betas = np.empty((len(fit.betas), self.body.num_betas))
        for shape in shapes:
            betas[list(shape.photos)] = shape.gaussian.mean
        before, after = (
            self._size.heights(values) for values in (fit.betas.double().cpu().numpy(), betas)
        )
        scale = fit.camera[:, :1] * self._tensor(before / after)[:, None]
        return Fit(self._tensor(betas), fit.rotations, torch.cat([scale, fit.camera[:, 1:]], 1))

    def _refined(
        self,
        shapes: Sequence[PersonShape],
        is_refined: Sequence[bool],
        fit: Fit,
        observed: Observed,
    ) -> tuple[list[PersonShape], Fit]:
        chosen = [index for index, wanted in enumerate(is_refined) if wanted]
        photos = [photo for index in chosen for photo in shapes[index].photos]
        shape_of = [number for number, index in enumerate(chosen) for _ in shapes[index].photos]
        index = torch.tensor(photos, device=self.device)
        gaussians = [shapes[number].gaussian for number in chosen]
        better = self._refiner.refine(
            Fit(
                self._tensor(np.stack([gaussian.mean for gaussian in gaussians])),
                fit.rotations[index],
                fit.camera[index],
            ),
            self._tensor(np.stack([gaussian.covariance for gaussian in gaussians])),
            torch.tensor(shape_of, device=self.device),
            observed.of(index),
        )
        refined = list(shapes)
        for number, betas in zip(chosen, better.betas.double().cpu().numpy(), strict=True):
            refined[number] = shapes[number].with_mean(betas, self._size)
        rotations, camera = fit.rotations.clone(), fit.camera.clone()
        rotations[index], camera[index] = better.rotations, better.camera
        betas_of_photos = fit.betas.clone()
        betas_of_photos[index] = better.betas[torch.tensor(shape_of, device=self.device)]
        return refined, self._resized(Fit(betas_of_photos, rotations, camera), refined)

    def _tensor(self, values: Float[np.ndarray, "..."]) -> Tensor:
        return torch.from_numpy(values).to(self.body.smpl.template)


def _check(view: PersonView) -> None:
    """Raises InvalidInputError where a view cannot be used."""
    if view.confidence is None or view.confidence.shape != view.size:
        raise InvalidInputError("a person is given without a confidence map of the picture's size")
    if not (np.isfinite(view.box).all() and np.isfinite(view.keypoints).all()):
        raise InvalidInputError("a box or a keypoint holds numbers that are not finite")
    left, top, right, bottom = view.box.tolist()
    if not (right > left and bottom > top):
        raise InvalidInputError(f"the box {view.box.tolist()} is empty: left, top, right, bottom")
