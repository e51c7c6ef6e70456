"""How far one mesh is from another.

V vertices. Distances in metres, errors in millimetres. Both meshes have the same topology unless it
says otherwise; shapes are checked here and not by the types, for the arrays come from files.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from model.errors import InvalidInputError

MM_PER_METRE = 1000.0
MAX_COORDINATE = 1e6
"""Metres. No mesh of a person lies further from its origin, and squares stay finite."""
SMALLEST_BODY, LARGEST_BODY = 0.1, 10.0
"""Metres, by the longest side of the bounding box. Every person is within, and nobody whose
vertices are given in millimetres or centimetres."""


def vertex_distances(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "V"]:  # noqa: F821
    """Euclidean distance between corresponding vertices, in metres.

    Raises:
        InvalidInputError: Shapes differ or are not (V, 3), or numbers are not finite.
    """
    ours, theirs = _corresponding(predicted, ground_truth)
    distances: np.ndarray = np.linalg.norm(ours - theirs, axis=1)
    return distances


def mean_error_mm(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> float:
    """Mean distance between corresponding vertices (PVE). Raises as `vertex_distances`."""
    return float(vertex_distances(predicted, ground_truth).mean() * MM_PER_METRE)


def max_error_mm(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> float:
    """Largest distance between corresponding vertices. Raises as `vertex_distances`.

    At least the Hausdorff distance of the vertex sets, and usually more.
    """
    return float(vertex_distances(predicted, ground_truth).max() * MM_PER_METRE)


def check_metres(vertices: Float[np.ndarray, "..."], whose: str) -> None:
    """Refuse vertices that are not those of a body in metres.

    Args:
        vertices: Of one body.
        whose: What the message calls them.

    Raises:
        InvalidInputError: The body is larger or smaller than any person, the shape is not (V, 3),
            or numbers are not finite.
    """
    mesh = _vertices(vertices, whose)
    size = float(np.max(np.ptp(mesh, axis=0)))
    if not SMALLEST_BODY <= size <= LARGEST_BODY:
        raise InvalidInputError(
            f"the {whose} body is {size:g} m long; {SMALLEST_BODY:g} to {LARGEST_BODY:g} m are "
            "allowed: vertices are expected in metres"
        )


def hausdorff_mm(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> float:
    """Hausdorff distance of the vertex sets, whose sizes may differ.

    How far the vertex that is furthest from the other set is from it, over both sets.

    Raises:
        InvalidInputError: Shapes are not (V, 3), or numbers are not finite.
    """
    ours = _vertices(predicted, "predicted")
    theirs = _vertices(ground_truth, "ground truth")
    there, _ = cKDTree(theirs).query(ours)
    back, _ = cKDTree(ours).query(theirs)
    return float(max(np.max(there), np.max(back)) * MM_PER_METRE)


def pve_t_sc_mm(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> float:
    """Mean vertex error after position and size are taken out of the comparison (PVE-T-SC).

    Size is the root mean square distance from the centroid. Made for meshes in the same pose,
    normally the T-pose; nothing is rotated.

    Source: Sengupta et al., Synthetic Training for Accurate 3D Human Pose and Shape Estimation in
    the Wild, BMVC 2020.

    Raises:
        InvalidInputError: As `vertex_distances`, or all predicted vertices coincide.
    """
    ours, theirs = _corresponding(predicted, ground_truth)
    ours = ours - ours.mean(axis=0)
    theirs = theirs - theirs.mean(axis=0)
    size = np.sqrt((ours**2).sum(axis=1).mean())
    if size == 0:
        raise InvalidInputError("the predicted vertices all coincide: they have no size to scale")
    scale = np.sqrt((theirs**2).sum(axis=1).mean()) / size
    return float(np.linalg.norm(ours * scale - theirs, axis=1).mean() * MM_PER_METRE)


def part_mean_errors_mm(
    predicted: Float[np.ndarray, "..."],
    ground_truth: Float[np.ndarray, "..."],
    part_labels: Int[np.ndarray, "..."],
    part_names: Sequence[str],
) -> dict[str, float]:
    """Mean distance between corresponding vertices of each part that has any.

    Args:
        predicted: In metres.
        ground_truth: In metres.
        part_labels: For each vertex, the index of its part in `part_names`.
        part_names: Names of the parts.

    Raises:
        InvalidInputError: As `vertex_distances`, or the meshes have another number of vertices
            than there are labels.
    """
    distances = vertex_distances(predicted, ground_truth)
    if part_labels.shape != distances.shape:
        raise InvalidInputError(
            f"the meshes have {len(distances)} vertices; the body parts are known for "
            f"{len(part_labels)}"
        )
    counts = np.bincount(part_labels, minlength=len(part_names))
    sums = np.bincount(part_labels, weights=distances, minlength=len(part_names))
    return {
        name: float(total / count * MM_PER_METRE)
        for name, total, count in zip(part_names, sums, counts, strict=True)
        if count > 0
    }


def _corresponding(
    predicted: Float[np.ndarray, "..."], ground_truth: Float[np.ndarray, "..."]
) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "V 3"]]:
    ours = _vertices(predicted, "predicted")
    theirs = _vertices(ground_truth, "ground truth")
    if ours.shape != theirs.shape:
        raise InvalidInputError(
            f"the predicted mesh has {len(ours)} vertices and the ground truth {len(theirs)}; "
            "they must have the same topology"
        )
    return ours, theirs


def _vertices(mesh: Float[np.ndarray, "..."], whose: str) -> Float[np.ndarray, "V 3"]:
    if mesh.ndim != 2 or mesh.shape[1] != 3 or len(mesh) == 0:
        raise InvalidInputError(
            f"the {whose} vertices have the shape {mesh.shape}; (V, 3) is needed"
        )
    # Written so that NaN fails too.
    if not (np.abs(mesh) <= MAX_COORDINATE).all():
        raise InvalidInputError(
            f"the {whose} vertices hold numbers that are not finite or beyond {MAX_COORDINATE:g} m"
        )
    return mesh.astype(np.float64)
