"""A few dozen steps of fitting a body to its keypoints and its confidence map.

The network's answer is the prior: shape by its Gaussian, pose and camera by fixed deviations. Each
is moved in units of its deviation. Of all steps the one with the least objective is kept, the start
among them.

Sources: Bogo et al., Keep it SMPL (SMPLify), ECCV 2016 (fitting to keypoints with priors);
Kolotouros et al., SPIN, ICCV 2019 (a network's answer as the start).

B photos, G shapes, N betas, J joints, K keypoints, P points, S side of the maps.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from model.body.rotation import rotation_6d_to_matrix
from model.reconstruction.body_points import BodyPoints
from model.reconstruction.observations import Observed

NUM_STEPS = 30
STEP_SIZE = 0.05
"""Of Adam, in deviations."""
POSE_STD = 0.1
"""Of each of the six numbers of a rotation that the network gives."""
SCALE_STD, PLACE_STD = 0.05, 0.03
"""Of the logarithm of the camera's scale, and of the pelvis over the crop."""
KEYPOINT_STD = 0.05
"""Of a keypoint of score 1, over the crop whose side is 2."""
OUTLIER = 3.0
"""Deviations from which a keypoint's pull no longer grows."""
INSIDE_WEIGHT = 20.0
"""Of the mean square of what the map lacks where the body's points are."""
COVERED_WEIGHT = 20.0
"""Of the mean distance of sure pixels from the body's points, in `REACH`."""
REACH = 0.06
"""Over the crop: pixels nearer than this to a point are covered, and further than twice as much
belong to something else."""
SURE = 0.9
"""Confidence of a pixel that shows the body."""
CELLS = 32
"""Sure pixels are looked for along each side of a grid of so many cells."""
NUM_POINTS = 400
"""Vertices of the body that are held against the map."""


class Fit(NamedTuple):
    """Shapes, poses and cameras."""

    betas: Float[Tensor, "G N"]
    rotations: Float[Tensor, "B J 6"]
    camera: Float[Tensor, "B 3"]


class Refiner:
    """Fits bodies of one asset."""

    def __init__(self, points: BodyPoints) -> None:
        self._points = points

    def refine(
        self,
        start: Fit,
        covariance: Float[Tensor, "G N N"],
        shape_of: Int[Tensor, "B"],  # noqa: F821
        observed: Observed,
    ) -> Fit:
        """The fit with the least objective.

        Args:
            start: What the network says.
            covariance: Of the betas.
            shape_of: Index of the shape of each photo; photos of one person share theirs.
            observed: In the photos.
        """
        with torch.enable_grad():
            return self._refine(start, torch.linalg.cholesky(covariance), shape_of, observed)

    def _refine(self, start: Fit, root: Tensor, shape_of: Tensor, observed: Observed) -> Fit:
        moves = [torch.zeros_like(part, requires_grad=True) for part in start]
        optimiser = torch.optim.Adam(moves, STEP_SIZE)
        covered = _sure_cells(observed)
        best = start
        least = torch.full((len(start.betas),), torch.inf).to(start.betas)
        for step in range(NUM_STEPS + 1):
            fit = _moved(start, root, moves)
            data = self._misfit(fit, shape_of, observed, covered)
            prior = [move.square().flatten(1).sum(1) / 2 for move in moves]
            objective = prior[0].index_add(0, shape_of, data + prior[1] + prior[2])
            is_better = objective.detach() < least
            least = torch.where(is_better, objective.detach(), least)
            best = _chosen(is_better, shape_of, fit, best)
            if step < NUM_STEPS:
                optimiser.zero_grad()
                objective.sum().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        return best

    def _misfit(
        self, fit: Fit, shape_of: Tensor, observed: Observed, covered: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "B"]:  # noqa: F821
        cameras = observed.cameras
        rotations = rotation_6d_to_matrix(fit.rotations)
        surface, keypoints = self._points(
            fit.betas[shape_of], rotations, cameras.pelvis(fit.camera)
        )
        seen = cameras.over_crop(cameras.project(surface))
        found = cameras.over_crop(cameras.project(keypoints))
        offsets = (found - observed.keypoints[..., :2]).norm(dim=-1) / KEYPOINT_STD
        pull = F.huber_loss(offsets, torch.zeros_like(offsets), reduction="none", delta=OUTLIER)
        reprojection = (pull * observed.keypoints[..., 2]).sum(1)
        there = F.grid_sample(
            1 - observed.pictured + observed.confidence,
            seen[:, None],
            padding_mode="border",
            align_corners=False,
        )[:, 0, 0]
        # Beyond the picture there may be a body too.
        inside = (1 - there).square().mean(1)
        cells, weights = covered
        nearest = torch.cdist(cells.expand(len(seen), -1, -1), seen).amin(2) / REACH
        lacking = ((nearest - 1).clamp(0, 1) * weights).sum(1) / weights.sum(1).clamp(min=1)
        return reprojection + INSIDE_WEIGHT * inside + COVERED_WEIGHT * lacking


def spread_vertices(vertices: Float[Tensor, "V 3"], number: int) -> Int[Tensor, "O"]:  # noqa: F821
    """Vertices that are far from each other, each the furthest from those before.

    Source: Eldar et al., The Farthest Point Strategy for Progressive Image Sampling, IEEE
    Transactions on Image Processing, 1997.

    Args:
        vertices: Of the mean body.
        number: How many, at most all.
    """
    chosen = [0]
    distances = (vertices - vertices[0]).square().sum(1)
    while len(chosen) < min(number, len(vertices)):
        furthest = int(distances.argmax())
        chosen.append(furthest)
        distances = torch.minimum(distances, (vertices - vertices[furthest]).square().sum(1))
    return torch.tensor(chosen, device=vertices.device)


def _moved(start: Fit, root: Tensor, moves: list[Tensor]) -> Fit:
    shape, pose, camera = moves
    scale = start.camera[:, :1] * (SCALE_STD * camera[:, :1]).exp()
    return Fit(
        start.betas + (root @ shape[..., None])[..., 0],
        start.rotations + POSE_STD * pose,
        torch.cat([scale, start.camera[:, 1:] + PLACE_STD * camera[:, 1:]], 1),
    )


def _sure_cells(observed: Observed) -> tuple[Tensor, Tensor]:
    """Middles of cells (1, C * C, 2), and 1 for each cell (B, C * C) that surely shows the body."""
    confidence, pictured = (
        F.adaptive_avg_pool2d(layer, CELLS).flatten(1)
        for layer in (observed.confidence, observed.pictured)
    )
    places = (torch.arange(CELLS) + 0.5) * (2 / CELLS) - 1
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    middles = torch.stack([columns.flatten(), rows.flatten()], 1).to(confidence)
    return middles[None], ((confidence > SURE) & (pictured > SURE)).to(confidence)


def _chosen(is_better: Tensor, shape_of: Tensor, fit: Fit, best: Fit) -> Fit:
    photos = is_better[shape_of]
    return Fit(
        torch.where(is_better[:, None], fit.betas.detach(), best.betas),
        torch.where(photos[:, None, None], fit.rotations.detach(), best.rotations),
        torch.where(photos[:, None], fit.camera.detach(), best.camera),
    )
