"""What people wear besides clothes: hats, hoods, scarves, bags.

All of it belongs to the dressed silhouette and none of it to the body. Soft things are
cut from the body's shells like garments; hard ones are solids bound to a joint.
"""

import numpy as np

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.bodies import BodySource, Floats, RestBody, vertex_normals
from training.synthetic.fabrics import Fabric
from training.synthetic.garments import Fit, Garment, sew
from training.synthetic.outlines import Cap, everywhere_else, within
from training.synthetic.solids import Solid, joined, superellipsoid, tube

HANDS = ("left_hand", "right_hand")
"""The joints that things hang from; see `Garment.lbs_weights`."""
NUM_WEIGHTS = len(SMPL_24_JOINT_NAMES) + len(HANDS)


def hat(
    source: BodySource, body: RestBody, kind: str, fabric: Fabric, rng: np.random.Generator
) -> list[Garment | None]:
    """A beanie, a peaked cap or a hat with a brim."""
    cap = Cap.on(body, rng.uniform(0.42, 0.55), rng.uniform(0.1, 0.3))
    thick = rng.uniform(0.018, 0.03) if kind == "beanie" else rng.uniform(0.015, 0.022)
    crown = sew(source.body, body, cap, Fit(thick, rng.uniform(0, 0.012)), fabric, rng)
    if kind == "beanie":
        return [crown]
    # The head's outline where the plane cuts it.
    near = np.abs(cap.above(body.surface)) < 0.012
    ring = body.surface[near & (body.surface[:, 1] > cap.nape)]
    low, high = ring.min(0), ring.max(0)
    middle, half = (low + high) / 2, (high - low) / 2 + thick
    angle = np.linspace(-np.pi, np.pi, 25)
    around = np.stack([np.sin(angle) * half[0], np.zeros(25), np.cos(angle) * half[2]], -1)
    if kind == "peaked cap":
        reach = rng.uniform(0.06, 0.085) * np.clip(np.cos(angle), 0, 1) ** 0.6
        droop = -0.2
    else:
        reach = np.full(25, rng.uniform(0.05, 0.13))
        droop = rng.uniform(-0.25, 0.1)
    outer = around * (1 + reach / half[0])[:, None]
    outer[:, 1] = droop * reach
    points = np.concatenate([around * 0.97, outer]) + middle
    points[:, 1] += cap.level + cap.slope * (points[:, 2] - cap.depth) - middle[1]
    first = np.arange(24)
    faces = np.concatenate(
        [np.stack([first, first + 1, first + 26], 1), np.stack([first, first + 26, first + 25], 1)]
    )
    return [crown, solid((points.astype(np.float32), faces), "head", fabric)]


def hood(
    source: BodySource, body: RestBody, up: bool, fabric: Fabric, rng: np.random.Generator
) -> Garment | None:
    """A hood, over the head or on the back."""
    neck, head = body.joint("neck"), body.joint("head")
    if up:
        face = float(head[2]) + rng.uniform(0.02, 0.06)

        def cover(points: Floats) -> Floats:
            high = points[:, 1] - neck[1]
            # Open in front, from the chin up to the brow.
            behind = face - points[:, 2] + 0.9 * np.clip(points[:, 1] - head[1] - 0.1, 0, 0.1)
            return within(high, behind)

        return sew(source.body, body, cover, Fit(0.022, rng.uniform(0.01, 0.03)), fabric, rng)
    low = neck[1] - rng.uniform(0.06, 0.12)

    def lump(points: Floats) -> Floats:
        x, y, z = points.T
        inside = np.minimum(neck[1] + 0.035 - y, y - low)
        behind = np.minimum(neck[2] + 0.02 - z, 0.13 - np.abs(x))
        return within(inside, behind)

    return sew(source.body, body, lump, Fit(0.025, rng.uniform(0.02, 0.05)), fabric, rng)


def scarf(
    source: BodySource, body: RestBody, fabric: Fabric, rng: np.random.Generator
) -> list[Garment | None]:
    """Around the neck, often with an end that hangs down in front."""
    neck, head = body.joint("neck"), body.joint("head")
    centre = (neck + head) / 2
    low, high = neck[1] - rng.uniform(0.0, 0.03), head[1] + rng.uniform(-0.06, -0.02)

    def ring(points: Floats) -> Floats:
        across = np.linalg.norm(points[:, [0, 2]] - centre[[0, 2]], axis=1)
        height = np.minimum(high - points[:, 1], points[:, 1] - low)
        return within(height, 0.115 - across)

    fit = Fit(rng.uniform(0.02, 0.03), rng.uniform(0.01, 0.03))
    made = [sew(source.body, body, ring, fit, fabric, rng)]
    if rng.random() < 0.6:
        side, wide = rng.uniform(-0.05, 0.05), rng.uniform(0.03, 0.06)
        end = neck[1] - rng.uniform(0.2, 0.45)

        def tail(points: Floats) -> Floats:
            x, y, z = points.T
            inside = np.minimum(wide - np.abs(x - side), np.minimum(y - end, neck[1] + 0.02 - y))
            return within(inside, z - neck[2])

        made.append(sew(source.shells["tights"], body, tail, Fit(0.03, 0.012), fabric, rng))
    return made


def backpack(
    source: BodySource, body: RestBody, fabric: Fabric, rng: np.random.Generator
) -> list[Garment | None]:
    """On the back, with two straps."""
    chest, neck = body.joint("spine3"), body.joint("neck")
    half = np.array([rng.uniform(0.11, 0.16), rng.uniform(0.16, 0.23), rng.uniform(0.05, 0.09)])
    high = float(neck[1]) - half[1] - rng.uniform(0, 0.04)
    torso = body.surface[np.abs(body.surface[:, 0]) < 0.1]
    back = torso[np.abs(torso[:, 1] - high) < 0.1, 2].min()
    centre = np.array([0, high, back - 0.7 * half[2]])
    bag = superellipsoid(half, rng.uniform(0.5, 0.75))
    shoulder = 0.55 * float(body.joint("left_shoulder")[0])

    top = float(neck[1]) + 0.03

    def straps(points: Floats) -> Floats:
        x, y, _ = points.T
        inside = np.minimum(top - y, y - chest[1] + 0.12)
        return within(0.02 - np.abs(np.abs(x) - shoulder), inside)

    return [
        sew(source.shells["tights"], body, straps, Fit(0.025), fabric, rng),
        solid(_at(bag, centre), "spine3", fabric),
    ]


def shoulder_bag(
    source: BodySource, body: RestBody, fabric: Fabric, rng: np.random.Generator
) -> list[Garment | None]:
    """At the hip, its strap across the chest or from the same shoulder."""
    side = float(rng.choice([-1, 1]))
    hip = body.joint("left_hip")
    half = np.array([rng.uniform(0.03, 0.06), rng.uniform(0.08, 0.16), rng.uniform(0.1, 0.18)])
    level = float(hip[1]) + rng.uniform(-0.05, 0.1)
    waist = body.surface[np.abs(body.surface[:, 1] - level) < 0.05]
    wide = float(waist[np.abs(waist[:, 0]) < 0.35, 0].max())
    centre = np.array([side * (wide + half[0] + 0.025), level, rng.uniform(-0.06, 0.06)])
    bag = superellipsoid(half, rng.uniform(0.4, 0.8))
    across = rng.random() < 0.7
    shoulder = body.joint("left_shoulder")
    top = np.array([(-side if across else side) * 0.55 * shoulder[0], shoulder[1] + 0.04])
    low = np.array([side * wide, level])
    along = (low - top) / np.linalg.norm(low - top)

    def strap(points: Floats) -> Floats:
        apart = (points[:, 0] - top[0]) * along[1] - (points[:, 1] - top[1]) * along[0]
        inside = np.minimum(points[:, 1] - level, top[1] + 0.04 - points[:, 1])
        return within(0.017 - np.abs(apart), inside)

    return [
        sew(source.shells["tights"], body, strap, Fit(0.022), fabric, rng),
        solid(_at(bag, centre), "pelvis", fabric),
    ]


def handbag(body: RestBody, fabric: Fabric, rng: np.random.Generator) -> Garment:
    """Hangs down from a hand."""
    side = int(rng.integers(2))
    half = np.array([rng.uniform(0.03, 0.07), rng.uniform(0.08, 0.17), rng.uniform(0.1, 0.2)])
    drop = rng.uniform(0.08, 0.2)
    grip = body.joint(HANDS[side]) + np.array([0, 0, 0.01])
    angle = np.linspace(0, np.pi, 9)
    handle = np.stack([np.zeros(9), drop * np.sin(angle), 0.6 * half[2] * np.cos(angle)], -1)
    parts = [
        _at(superellipsoid(half, rng.uniform(0.4, 0.85)), np.array([0, -drop - half[1], 0])),
        _at(tube(handle, np.full(9, 0.007), 6), np.array([0, -drop, 0])),
    ]
    hung = _at(joined(parts), grip)
    return solid(hung, HANDS[side], fabric, hangs=True)


def solid(shape: Solid, joint: str, fabric: Fabric, hangs: bool = False) -> Garment:
    """A solid that one joint carries.

    Args:
        shape: Around where it is in T-pose.
        joint: One of SMPL's.
        fabric: What it is made of.
        hangs: It follows the joint's place (one of HANDS) but stays upright.
    """
    vertices, faces = shape
    weights = np.zeros((len(vertices), NUM_WEIGHTS), np.float32)
    place = SMPL_24_JOINT_NAMES.index(joint)
    weights[:, len(SMPL_24_JOINT_NAMES) + HANDS.index(joint) if hangs else place] = 1
    normals = vertex_normals(vertices, faces)
    return Garment(vertices, normals, faces, weights, everywhere_else, fabric)


def _at(shape: Solid, centre: Floats) -> Solid:
    return (shape[0] + centre).astype(np.float32), shape[1]
