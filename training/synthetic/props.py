"""What else stands there: something to sit on, and things between the camera and the person.

They hide what is behind them in the picture and in both silhouettes: the truth says which pixels
show the person, and which would show the person's body.

V vertices of a prop, F triangles.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthetic.bodies import Floats, Ints, vertex_normals
from training.synthetic.cameras import View
from training.synthetic.fabrics import Fabric, sample_fabric
from training.synthetic.solids import Solid, joined, lathe, superellipsoid, tube

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
    """Something under a sitting person: a stool, a box or a bench.

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
    kind = rng.choice(["stool", "box", "bench"])
    if kind == "stool":
        radius = rng.uniform(0.17, 0.24)
        legs = [
            tube(
                np.array([[x, 0, z], [0.8 * x, height - 0.04, 0.8 * z]]) * [radius, 1, radius],
                np.array([0.018, 0.018]),
            )
            for x, z in ((0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
        ]
        plate = np.array([[0, -0.02], [1, -0.02], [1, 0.02], [0, 0.02]]) * [radius, 1]
        solid = joined([*legs, _raised(lathe(plate), height - 0.02)])
    else:
        across = rng.uniform(0.2, 0.3) if kind == "box" else rng.uniform(0.5, 1.2)
        half = np.array([across, height / 2, rng.uniform(0.18, 0.28)])
        solid = _raised(superellipsoid(half, 0.85, 8, 16), height / 2)
    return _placed(solid, foot, view, sample_fabric(rng))


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
        solid = _raised(superellipsoid(half, 0.9, 8, 16), half[1])
    else:
        solid = _plant(rng, tall * rng.uniform(0.25, 0.6))
    fabric = sample_fabric(rng) if kind != "plant" else _green(rng)
    return _placed(solid, foot, view, fabric)


def _plant(rng: np.random.Generator, height: float) -> Solid:
    """A pot with leaves."""
    pot = lathe(np.array([[0, 0], [0.1, 0], [0.14, 0.25], [0.12, 0.25]]))
    leaves = []
    for _ in range(int(rng.integers(12, 30))):
        leaf = superellipsoid(np.array([0.025, rng.uniform(0.06, 0.16), 0.004]), 0, 6, 6)
        turn = Rotation.from_euler("YX", [rng.uniform(0, 360), rng.normal(20, 25)], degrees=True)
        stem = np.array([rng.normal(0, 0.1), rng.uniform(0.25, 0.25 + height), rng.normal(0, 0.1)])
        leaves.append(((turn.apply(leaf[0]) + stem).astype(np.float32), leaf[1]))
    return joined([pot, *leaves])


def _green(rng: np.random.Generator) -> Fabric:
    fabric = sample_fabric(rng)
    green = np.array([0.12, 0.3, 0.08]) * rng.uniform(0.3, 1.3) * rng.uniform(0.7, 1.3, 3)
    fabric.colours[:] = green.clip(0, 1)
    return fabric


def _raised(solid: Solid, height: float) -> Solid:
    return (solid[0] + np.array([0, height, 0], np.float32)), solid[1]


def _placed(solid: Solid, foot: Floats, view: View, fabric: Fabric) -> Prop:
    """Upright on the ground, turned like the person."""
    local, faces = solid
    ahead = view.orientation.apply([0.0, 0.0, 1.0])
    ahead -= (ahead @ view.up) * view.up
    ahead /= np.linalg.norm(ahead)
    axes = np.stack([np.cross(view.up, ahead), view.up, ahead])
    vertices = (local @ axes + foot).astype(np.float32)
    return Prop(vertices, vertex_normals(vertices, faces), faces, fabric, local)
