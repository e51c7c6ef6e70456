"""What else stands there: something to sit on, and things between the camera and the person.

They hide what is behind them in the picture and in both silhouettes: the truth says which pixels
show the person, and which would show the person's body.

V vertices of a prop, F triangles.
"""

from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats, Ints, vertex_normals
from training.synthetic.cameras import View
from training.synthetic.fabrics import Fabric, sample_fabric
from training.synthetic.furniture import SEATS, block, plant
from training.synthetic.solids import Solid, tube

OCCLUDERS = {"none": 0.86, "pole": 0.05, "box": 0.05, "plant": 0.04}
"""How often each stands before the person."""
NEARER = (0.25, 0.6)
"""How far an occluder stands in front of the person, in metres from the body's nearest point."""


@dataclass(frozen=True)
class Prop:
    """A thing in the camera's frame."""

    vertices: Floats
    """(V, 3)"""
    normals: Floats
    """(V, 3) unit."""
    faces: Ints
    """(F, 3)"""
    fabric: Fabric
    local: Floats
    """(V, 3) before it was put there; what the fabric's pattern is painted on."""


def seat(rng: np.random.Generator, body: Floats, thighs: Floats, ground: float, view: View) -> Prop:
    """Something under a sitting person: a stool, a chair, a sofa or a bench.

    Args:
        rng: Decides.
        body: (N, 3) the body's vertices around the pelvis, in the camera's frame.
        thighs: (M, 3) the joints of hips and knees.
        ground: Height of the ground along the view's `up`.
        view: Who looks.
    """
    up = view.up
    top = float(np.quantile(body @ up, 0.03))
    height = max(top - ground, 0.1)
    middle = body.mean(0) * 0.6 + thighs.mean(0) * 0.4
    foot = middle + (ground - middle @ up) * up
    kind = str(rng.choice(list(SEATS), p=[0.2, 0.4, 0.2, 0.2]))
    return placed(SEATS[kind](rng, height), foot, view, sample_fabric(rng))


def sample_occluder(
    rng: np.random.Generator, body: Floats, ground: float, view: View
) -> Prop | None:
    """Something that hides a part of the person, or nothing.

    Args:
        rng: Decides.
        body: (N, 3) the body's vertices in the camera's frame.
        ground: Height of the ground along the view's `up`.
        view: Who looks.
    """
    kind = str(rng.choice(list(OCCLUDERS), p=list(OCCLUDERS.values())))
    if kind == "none":
        return None
    low, high = body.min(0), body.max(0)
    nearest = -high[2]
    depth = max(nearest - rng.uniform(*NEARER), 0.3 * nearest)
    share = depth / -body[:, 2].mean()
    # Beside the middle, so that most of the person stays in sight.
    aside = rng.choice([-1, 1]) * rng.uniform(0.25, 0.65)
    x = ((low + high)[0] / 2 + aside * (high - low)[0]) * share
    middle = np.array([x, (low + high)[1] / 2 * share, -depth])
    foot = middle + (ground - middle @ view.up) * view.up
    tall = float((body @ view.up).max()) - ground
    if kind == "pole":
        radius = rng.uniform(0.015, 0.06)
        solid = tube(np.array([[0, 0, 0], [0, 3.5, 0]]), np.array([radius, radius]), 12)
    elif kind == "box":
        half = np.array([rng.uniform(0.12, 0.3), tall * rng.uniform(0.08, 0.25), 0.1])
        solid = block(2 * half[0], 2 * half[1], 2 * half[2], 0.9)
    else:
        solid = plant(rng, tall * rng.uniform(0.25, 0.6))
    fabric = sample_fabric(rng) if kind != "plant" else green(rng)
    return placed(solid, foot, view, fabric)


def green(rng: np.random.Generator) -> Fabric:
    """Of leaves."""
    fabric = sample_fabric(rng)
    leaf = np.array([0.12, 0.3, 0.08]) * rng.uniform(0.3, 1.3) * rng.uniform(0.7, 1.3, 3)
    fabric.colours[:] = leaf.clip(0, 1)
    return fabric


def heading(view: View) -> tuple[Floats, Floats, Floats]:
    """To the person's left, up and ahead of them on level ground: unit vectors (3,)."""
    ahead = view.orientation.apply([0.0, 0.0, 1.0])
    ahead -= (ahead @ view.up) * view.up
    ahead /= np.linalg.norm(ahead)
    return np.cross(view.up, ahead), view.up, ahead


def placed(solid: Solid, foot: Floats, view: View, fabric: Fabric) -> Prop:
    """Upright, its origin at `foot`, turned like the person."""
    local, faces = solid
    axes = np.stack(heading(view))
    vertices = (local @ axes + foot).astype(np.float32)
    return Prop(vertices, vertex_normals(vertices, faces), faces, fabric, local)
