"""Garments: a part of a shell, cut along a smooth line and pushed outwards.

N points, S vertices of a shell, F triangles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats, Ints, RestBody, Shell, vertex_normals
from training.synthetic.fabrics import Fabric
from training.synthetic.waves import Waves

Cut = Callable[[Floats], Floats]
"""Rest positions (N, 3) -> signed distance (N,) in metres, positive where there is cloth."""


@dataclass(frozen=True)
class Fit:
    """How a garment stands off the body; all in metres."""

    thickness: float = 0.004
    """Everywhere."""
    looseness: float = 0.01
    """Amplitude of the smooth random ease."""
    flare: float = 0.0
    """What is added towards the hem."""
    folds: float = 0.0
    """Amplitude of the folds, which grow towards the hem."""
    num_folds: float = 9.0
    """Folds in half a turn around the body."""


Drape = Callable[[Floats], Floats]
"""Vertices (S, 3) of a garment that clings -> of the same garment hanging."""


@dataclass(frozen=True)
class Garment:
    """A garment on a body in T-pose."""

    vertices: Floats
    """(S, 3)"""
    normals: Floats
    """(S, 3) unit."""
    faces: Ints
    """(F, 3)"""
    lbs_weights: Floats
    """(S, 24), or (S, 26): behind SMPL's joints the hands again, for what hangs down from them."""
    cut: Cut
    """Where its cloth is; also says which skin it covers."""
    fabric: Fabric


def sew(
    shell: Shell,
    body: RestBody,
    cut: Cut,
    fit: Fit,
    fabric: Fabric,
    rng: np.random.Generator,
    hem: Callable[[Floats], Floats] | None = None,
    drape: Drape | None = None,
) -> Garment | None:
    """Cut a shell and push it outwards.

    Args:
        shell: What it is cut from.
        body: Who wears it.
        cut: Its outline.
        fit: How far it stands off.
        fabric: What it is made of.
        rng: Decides the ease and the folds.
        hem: Rest positions -> progress from its top (0) to its hem (1); none: no flare, no folds.
        drape: How it hangs; none: it clings.

    Returns:
        The garment; nothing where the outline holds no triangle.
    """
    vertices, normals = body.surface_of(shell)
    pairs, share, faces = clip(shell.faces, cut(vertices))
    if len(faces) == 0:
        return None

    def blend(values: Floats) -> Floats:
        mixed: Floats = values[pairs[:, 0]] + share * (values[pairs[:, 1]] - values[pairs[:, 0]])
        return mixed

    vertices, normals, weights = blend(vertices), blend(normals), blend(shell.lbs_weights)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    ease = Waves.sample(rng, num=6, wavelengths=(0.12, 0.6))
    offset = fit.thickness + fit.looseness * (0.5 + 0.5 * ease(vertices))
    if hem is not None:
        progress = np.clip(hem(vertices), 0, 1)
        angle = np.arctan2(vertices[:, 0], vertices[:, 2])
        phase = fit.num_folds * angle + 1.5 * ease(vertices) + rng.uniform(0, 2 * np.pi)
        offset += fit.flare * progress**1.3
        offset += fit.folds * progress * (0.5 + 0.5 * np.sin(phase))
    vertices = (vertices + normals * offset[:, None]).astype(np.float32)
    if drape is not None:
        vertices = drape(vertices)
    return Garment(vertices, vertex_normals(vertices, faces), faces, weights, cut, fabric)


def clip(faces: Ints, values: Floats) -> tuple[Ints, Floats, Ints]:
    """Cut triangles along the zero line of a function that is linear on each.

    Args:
        faces: (F, 3).
        values: (S,) at the vertices; what is positive stays.

    Returns:
        Pairs of old vertices (M, 2) and the share (M, 1) of the second: the new vertices, each
        between two old ones; and the new triangles.
    """
    inside = values > 0
    count = inside[faces].sum(1)
    kept = np.flatnonzero(inside)
    renumbered = np.zeros(len(values), np.int64)
    renumbered[kept] = np.arange(len(kept))
    # Edges that cross the line, each with its inner vertex first.
    edges: list[Ints] = []
    new_faces = [renumbered[faces[count == 3]]]
    for num in (1, 2):
        # Turn each triangle so that its odd one out comes first.
        cut = faces[count == num]
        odd = np.argmax(inside[cut] == (num == 1), axis=1)
        a, b, c = (cut[np.arange(len(cut)), (odd + turn) % 3] for turn in range(3))
        first = len(kept) + 2 * sum(len(part) for part in edges[::2])
        ab = first + np.arange(len(cut))
        ac = ab + len(cut)
        if num == 1:
            edges += [np.stack([a, b], -1), np.stack([a, c], -1)]
            new_faces.append(np.stack([renumbered[a], ab, ac], -1))
        else:
            edges += [np.stack([b, a], -1), np.stack([c, a], -1)]
            b, c = renumbered[b], renumbered[c]
            new_faces += [np.stack([ab, b, c], -1), np.stack([ab, c, ac], -1)]
    # Triangles on both sides of an edge share the vertex on it.
    crossing = np.concatenate(edges)
    unique, inverse = np.unique(crossing @ [len(values), 1], return_inverse=True)
    target = np.concatenate([np.arange(len(kept)), len(kept) + inverse])
    crossing = np.stack(np.divmod(unique, len(values)), -1)
    first_value, second_value = values[crossing].T
    share = np.zeros((len(kept) + len(crossing), 1), np.float32)
    share[len(kept) :, 0] = first_value / (first_value - second_value)
    pairs = np.concatenate([np.stack([kept, kept], -1), crossing])
    return pairs, share, target[np.concatenate(new_faces)]
