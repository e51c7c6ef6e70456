"""Two meshes of a request, made where betas were given, and the distances between them."""

from dataclasses import dataclass

import numpy as np
from anyio import from_thread
from jaxtyping import Float

from app.capabilities import Predictors
from app.dependencies import MeshContents
from app.engine.engine import Engine
from app.schemas.body import MeshErrors
from model.body import metrics
from model.body.predictor import BodyParameters


@dataclass(frozen=True)
class Meshes:
    """A pair of meshes; in the T-pose too where both came from betas."""

    predicted: Float[np.ndarray, "V 3"]
    ground_truth: Float[np.ndarray, "V 3"]
    t_poses: tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "V 3"]] | None


async def make_meshes(
    pair: tuple[MeshContents, MeshContents], predictors: Predictors, engine: Engine
) -> Meshes:
    """Vertices as they are, bodies through the device.

    Raises:
        CapabilityMissingError: Betas were given and there is no body asset.
    """
    predicted, ground_truth = pair
    t_poses = None
    if isinstance(predicted, BodyParameters) and isinstance(ground_truth, BodyParameters):
        t_poses = (
            await _vertices(BodyParameters(predicted.betas), predictors, engine),
            await _vertices(BodyParameters(ground_truth.betas), predictors, engine),
        )
    return Meshes(
        await _vertices(predicted, predictors, engine),
        await _vertices(ground_truth, predictors, engine),
        t_poses,
    )


def measure(meshes: Meshes, predictors: Predictors) -> MeshErrors:
    """All the distances. For a thread of anyio: it ends when the request does.

    Raises:
        InvalidInputError: The meshes have another topology, or numbers are not finite.
    """
    pair = (meshes.predicted, meshes.ground_truth)
    body = predictors.body
    parts = None
    if body is not None and len(body.part_labels) == len(meshes.predicted):
        parts = metrics.part_mean_errors_mm(*pair, body.part_labels, body.part_names)
    return MeshErrors(
        mean_error_mm=metrics.mean_error_mm(*pair),
        max_error_mm=metrics.max_error_mm(*pair),
        hausdorff_mm=metrics.hausdorff_mm(*pair, from_thread.check_cancelled),
        pve_t_sc_mm=None if meshes.t_poses is None else metrics.pve_t_sc_mm(*meshes.t_poses),
        part_mean_error_mm=parts,
        num_vertices=len(meshes.predicted),
    )


async def _vertices(
    contents: MeshContents, predictors: Predictors, engine: Engine
) -> Float[np.ndarray, "V 3"]:
    if isinstance(contents, BodyParameters):
        return (await engine.submit(predictors.need_body(), contents)).vertices
    return contents
