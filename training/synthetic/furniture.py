"""Things that stand on the ground: seats, tables, shelves, plants, bags, wheels, animals.

Every shape stands on y = 0 around the origin, in metres, and looks along +Z.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthetic.bodies import Floats
from training.synthetic.solids import Solid, joined, lathe, superellipsoid, tube


def at(solid: Solid, place: tuple[float, float, float] | Floats) -> Solid:
    """Moved."""
    return (solid[0] + np.asarray(place, np.float32)).astype(np.float32), solid[1]


def turned(solid: Solid, axes: str, angles: list[float] | float) -> Solid:
    """Turned about the origin by angles in degrees."""
    turn = Rotation.from_euler(axes, angles, degrees=True)
    return turn.apply(solid[0]).astype(np.float32), solid[1]


def block(width: float, height: float, depth: float, squareness: float = 0.85) -> Solid:
    """A box with round edges that stands on the ground."""
    half = np.array([width / 2, height / 2, depth / 2])
    return at(superellipsoid(half, squareness, 8, 16), (0, height / 2, 0))


def stool(rng: np.random.Generator, height: float) -> Solid:
    """A round plate on four legs."""
    radius = rng.uniform(0.17, 0.24)
    plate = np.array([[0, -0.02], [1, -0.02], [1, 0.02], [0, 0.02]]) * [radius, 1]
    return joined([*_legs(radius, radius, height), at(lathe(plate), (0, height - 0.02, 0))])


def chair(rng: np.random.Generator, height: float) -> Solid:
    """With a back, often with arms."""
    wide, deep = rng.uniform(0.4, 0.55), rng.uniform(0.38, 0.5)
    tall = rng.uniform(0.3, 0.6)
    back = turned(block(wide, tall, 0.04), "X", -rng.uniform(3, 15))
    parts = [
        *_legs(wide / 2, deep / 2, height),
        at(block(wide, 0.06, deep), (0, height - 0.06, 0)),
        at(back, (0, height, -deep / 2)),
    ]
    if rng.random() < 0.4:
        rest = block(0.05, 0.22, deep * 0.8)
        parts += [at(rest, (side * wide / 2, height, 0)) for side in (-1, 1)]
    return joined(parts)


def sofa(rng: np.random.Generator, height: float) -> Solid:
    """A seat for one to three with a back and arms."""
    wide, deep = rng.uniform(0.6, 1.9), rng.uniform(0.55, 0.8)
    arm = rng.uniform(0.1, 0.2)
    parts = [block(wide, height, deep), at(block(wide, height + 0.4, 0.2), (0, 0, -deep / 2))]
    parts += [at(block(arm, height + 0.2, deep), (side * wide / 2, 0, 0)) for side in (-1, 1)]
    return joined(parts)


def bench(rng: np.random.Generator, height: float) -> Solid:
    """A long box, a wall or a step."""
    return block(rng.uniform(0.45, 2.2), height, rng.uniform(0.3, 0.55))


SEATS = {"stool": stool, "chair": chair, "sofa": sofa, "bench": bench}


def table(rng: np.random.Generator) -> Solid:
    """A plate on four legs or on one."""
    wide, deep, height = rng.uniform(0.5, 1.8), rng.uniform(0.5, 0.9), rng.uniform(0.42, 1.05)
    plate = at(block(wide, 0.04, deep), (0, height - 0.04, 0))
    if rng.random() < 0.4:
        foot = np.array([[0.25, 0], [0.25, 0.02], [0.035, 0.05], [0.035, height]])
        return joined([plate, lathe(foot)])
    return joined([plate, *_legs(0.9 * wide / 2, 0.9 * deep / 2, height)])


def shelf(rng: np.random.Generator) -> Solid:
    """Boards between two sides, with things on them."""
    wide, height, deep = rng.uniform(0.6, 1.6), rng.uniform(0.8, 2.1), rng.uniform(0.25, 0.4)
    parts = [at(block(0.03, height, deep), (side * wide / 2, 0, 0)) for side in (-1, 1)]
    for level in np.linspace(0, height, int(rng.integers(3, 6))):
        parts.append(at(block(wide, 0.03, deep), (0, level, 0)))
        for x in rng.uniform(-0.45, 0.45, int(rng.integers(0, 4))) * wide:
            thing = block(rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.28), 0.7 * deep)
            parts.append(at(thing, (x, level, 0)))
    return joined(parts)


def plant(rng: np.random.Generator, height: float | None = None) -> Solid:
    """A pot with leaves."""
    tall = rng.uniform(0.3, 1.2) if height is None else height
    pot = lathe(np.array([[0, 0], [0.1, 0], [0.14, 0.25], [0.12, 0.25]]))
    num = int(rng.integers(12, 30))
    leaf, faces = superellipsoid(np.array([0.025, 1.0, 0.004]), 0, 6, 6)
    sized = leaf * np.stack([np.ones(num), rng.uniform(0.06, 0.16, num), np.ones(num)], -1)[:, None]
    angles = np.stack([rng.uniform(0, 360, num), rng.normal(20, 25, num)], -1)
    turns = Rotation.from_euler("YX", angles, degrees=True).as_matrix()
    stems = rng.normal(0, 0.1, (num, 1, 3))
    stems[..., 1] = rng.uniform(0.25, 0.25 + tall, (num, 1))
    places = sized @ turns.swapaxes(1, 2) + stems
    leaves = [(place.astype(np.float32), faces) for place in places]
    return joined([pot, *leaves])


def suitcase(rng: np.random.Generator) -> Solid:
    """On wheels, with its handle out or in; or a bag that was put down."""
    wide, height, deep = rng.uniform(0.28, 0.5), rng.uniform(0.3, 0.75), rng.uniform(0.15, 0.3)
    out = rng.uniform(0.05, 0.5)
    path = np.array([[-1, 0, 0], [-1, 1, 0], [1, 1, 0], [1, 0, 0]]) * [wide / 4, out, 0]
    handle = tube(path, np.full(4, 0.009), 6)
    return joined([block(wide, height, deep, rng.uniform(0.4, 0.85)), at(handle, (0, height, 0))])


def pram(rng: np.random.Generator) -> Solid:
    """A pram: a tub under a hood on four wheels, its handle towards -Z."""
    tub = block(0.42, 0.28, 0.75, 0.6)
    hood = superellipsoid(np.array([0.22, 0.24, 0.26]), 0.1, 8, 14)
    wheel = turned(lathe(np.array([[0, -0.02], [0.12, -0.02], [0.12, 0.02], [0, 0.02]])), "Z", 90)
    bar = np.array([[-0.2, 0.6, -0.35], [-0.2, 1.0, -0.65], [0.2, 1.0, -0.65], [0.2, 0.6, -0.35]])
    parts = [at(tub, (0, 0.45, 0)), at(hood, (0, 0.75, rng.choice([-0.15, 0.15])))]
    parts += [at(wheel, (x, 0.12, z)) for x in (-0.24, 0.24) for z in (-0.3, 0.3)]
    parts += [tube(np.array([[x, 0.12, z], [x, 0.5, z]]), np.full(2, 0.012)) for x, z in _CORNERS]
    return joined([*parts, tube(bar, np.full(4, 0.012), 6)])


_CORNERS = ((-0.2, -0.3), (0.2, -0.3), (-0.2, 0.3), (0.2, 0.3))


def umbrella(rng: np.random.Generator) -> Solid:
    """Open, its grip at the origin."""
    radius, tall = rng.uniform(0.42, 0.62), rng.uniform(0.6, 0.85)
    share = np.linspace(0, 1, 7)
    canopy = lathe(np.stack([radius * share, tall - 0.28 * share**2], -1), 16)
    return joined([canopy, tube(np.array([[0, -0.12, 0], [0, tall, 0]]), np.full(2, 0.008), 6)])


def animal(rng: np.random.Generator) -> Solid:
    """Four legs, a trunk, a neck, a head, ears and a tail: from cats to horses."""
    length = float(np.exp(rng.uniform(np.log(0.3), np.log(1.7))))
    leg, thick = length * rng.uniform(0.35, 0.75), length * rng.uniform(0.13, 0.24)
    trunk = superellipsoid(np.array([thick, thick, length / 2]), rng.uniform(0, 0.3))
    level = leg + 0.8 * thick
    parts = [at(trunk, (0, level, 0))]
    for x in (-0.6, 0.6):
        for z in (-0.38, 0.38):
            swing = rng.normal(0, 0.12) * leg
            path = [[x * thick, level, z * length], [x * thick, leg / 2, z * length + swing / 2]]
            path.append([x * thick, 0, z * length + swing])
            parts.append(tube(np.array(path), np.array([0.45, 0.3, 0.25]) * thick))
    up, ahead = rng.uniform(0.1, 0.5) * length, rng.uniform(0.05, 0.25) * length
    nape = np.array([0, level + 0.4 * thick, 0.42 * length])
    head = nape + np.array([0, up, ahead])
    parts.append(tube(np.stack([nape, head]), np.array([0.6, 0.4]) * thick))
    muzzle = superellipsoid(np.array([0.4, 0.42, 0.85]) * thick, 0.1, 8, 10)
    parts.append(at(turned(muzzle, "X", rng.uniform(0, 40)), head + np.array([0, 0, 0.3 * thick])))
    ear = superellipsoid(np.array([0.12, 0.35, 0.1]) * thick, 0, 6, 6)
    parts += [at(ear, head + np.array([x, 0.4, -0.2]) * thick) for x in (-0.3, 0.3)]
    end = np.array([0, level + rng.normal(0, 0.5) * thick, -0.5 * length - 0.3 * leg])
    parts.append(tube(np.stack([[0, level, -0.45 * length], end]), np.array([0.2, 0.08]) * thick))
    return joined(parts)


def thing(rng: np.random.Generator) -> Solid:
    """Something of no kind: a few rounded bodies on, in and beside one another."""
    parts = []
    for _ in range(int(rng.integers(1, 6))):
        half = np.exp(rng.uniform(np.log(0.03), np.log(0.35), 3))
        part = turned(
            superellipsoid(half, rng.uniform(0, 0.9), 8, 12), "XYZ", list(rng.uniform(-90, 90, 3))
        )
        parts.append(at(part, rng.normal(0, 0.25, 3)))
    if rng.random() < 0.5:
        profile = np.stack(
            [rng.uniform(0.02, 0.2, 6), np.linspace(0, rng.uniform(0.2, 1.2), 6)], -1
        )
        parts.append(lathe(profile))
    vertices, faces = joined(parts)
    return at((vertices, faces), (0, -float(vertices[:, 1].min()), 0))


def cycle(rng: np.random.Generator) -> Solid:
    """A bicycle: two wheels, a frame, a saddle and a handlebar."""
    radius = rng.uniform(0.28, 0.36)
    angle = np.linspace(0, 2 * np.pi, 25)
    ring = np.stack([np.zeros(25), radius * (1 + np.sin(angle)), radius * np.cos(angle)], -1)
    wheels = [at(tube(ring, np.full(25, 0.02), 6), (0, 0, z)) for z in (-0.52, 0.52)]
    hub, head, seat_at = [0, radius, 0], [0, 0.8, 0.38], [0, 0.82, -0.2]
    lines = [(hub, head), (hub, seat_at), (seat_at, head), (head, [0, radius, 0.52])]
    lines += [(hub, [0, radius, -0.52]), (seat_at, [0, radius, -0.52]), (head, [0, 0.98, 0.36])]
    bars = [tube(np.array(line, float), np.full(2, 0.018), 6) for line in lines]
    bars.append(tube(np.array([[-0.3, 0.98, 0.36], [0.3, 0.98, 0.36]]), np.full(2, 0.014), 6))
    saddle = superellipsoid(np.array([0.07, 0.03, 0.13]), 0.2, 6, 10)
    return joined([*wheels, *bars, at(saddle, (0, 0.88, -0.22))])


def _legs(x: float, z: float, height: float) -> list[Solid]:
    return [
        tube(
            np.array([[0.85 * x * a, 0, 0.85 * z * b], [0.7 * x * a, height - 0.03, 0.7 * z * b]]),
            np.full(2, 0.018),
        )
        for a in (-1, 1)
        for b in (-1, 1)
    ]
