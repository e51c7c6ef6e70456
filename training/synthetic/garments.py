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
    vertices = (shell.weights @ body.vertices).astype(np.float32)
    normals = vertex_normals(vertices, shell.faces)
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
    whole = faces[count == 3]
    corners = [np.stack([whole, whole], axis=-1)]
    for kept in (1, 2):
        # Turn each triangle so that its odd one out comes first.
        cut = faces[count == kept]
        odd = np.argmax(inside[cut] == (kept == 1), axis=1)
        a, b, c = (cut[np.arange(len(cut)), (odd + turn) % 3] for turn in range(3))
        aa, bb, cc = (np.stack([v, v], axis=-1) for v in (a, b, c))
        ab, ac = np.stack([a, b], axis=-1), np.stack([a, c], axis=-1)
        if kept == 1:
            corners.append(np.stack([aa, ab, ac], axis=1))
        else:
            corners += [np.stack([ab, bb, cc], axis=1), np.stack([ab, cc, ac], axis=1)]
    pairs, new_faces = np.unique(
        np.concatenate(corners).reshape(-1, 2), axis=0, return_inverse=True
    )
    first, second = values[pairs[:, 0]], values[pairs[:, 1]]
    crossing = pairs[:, 0] != pairs[:, 1]
    share = np.zeros(len(pairs), np.float32)
    share[crossing] = first[crossing] / (first[crossing] - second[crossing])
    return pairs, share[:, None], new_faces.reshape(-1, 3)
