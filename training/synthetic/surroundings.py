"""What stands around a person and is no part of them, and pictures' worth of things alone.

Bags that were put down, prams, umbrellas, a coat over the arm, animals, tables and other furniture.
All hide what is behind them, and none is the dressed person's.
"""

import numpy as np

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic import furniture
from training.synthetic.bodies import Floats
from training.synthetic.cameras import View
from training.synthetic.fabrics import sample_fabric
from training.synthetic.props import Prop, green, heading, placed
from training.synthetic.solids import superellipsoid

COMPANIONS = {
    "none": 0.7,
    "bag": 0.09,
    "coat": 0.06,
    "umbrella": 0.05,
    "pram": 0.04,
    "animal": 0.03,
    "bicycle": 0.03,
}
"""How often a person has each with them."""
TABLES = {True: 0.4, False: 0.04}
"""Share of people before a table, seated and standing."""
FURNISHED = 0.3
"""Share of pictures with furniture, plants, animals or other things further back."""
BEHIND = (0.9, 2.6)
"""Metres behind the person where that stands."""
NOBODY_NUM = (1, 9)
"""How many things a picture without a person shows: least, and one more than most."""
NOBODY_DEPTH = (1.2, 6.0)
"""Metres from the camera where they stand."""
SCATTERED = {
    "chair": 0.12,
    "sofa": 0.08,
    "table": 0.12,
    "shelf": 0.1,
    "plant": 0.12,
    "suitcase": 0.08,
    "animal": 0.16,
    "bicycle": 0.06,
    "thing": 0.16,
}
"""How often each kind of thing is drawn."""


def sample_companions(
    rng: np.random.Generator, joints: Floats, seated: bool, ground: float, view: View
) -> list[Prop]:
    """What a person has with them, and what stands further back.

    Args:
        rng: Decides.
        joints: (24, 3) of the person, in the camera's frame.
        seated: Whether they sit.
        ground: Height of the ground along the view's `up`.
        view: Who looks.
    """
    props = []
    kind = str(rng.choice(list(COMPANIONS), p=list(COMPANIONS.values())))
    if kind != "none":
        props.append(_companion(rng, kind, joints, ground, view))
    aside, up, ahead = heading(view)
    pelvis = joints[0]
    if rng.random() < TABLES[seated]:
        foot = pelvis + rng.uniform(0.5, 0.8) * ahead + rng.normal(0, 0.15) * aside
        fabric = sample_fabric(rng)
        props.append(placed(furniture.table(rng), _down(foot, ground, up), view, fabric))
    if rng.random() < FURNISHED:
        for _ in range(int(rng.integers(1, 4))):
            depth = -float(pelvis[2]) + rng.uniform(*BEHIND)
            props.append(_scattered(rng, depth, ground, view))
    return props


def sample_things(rng: np.random.Generator, ground: float, view: View) -> list[Prop]:
    """Things of many kinds before the camera, and nobody.

    Args:
        rng: Decides.
        ground: Height of the ground along the view's `up`, negative.
        view: Who looks.
    """
    num = int(rng.integers(*NOBODY_NUM))
    return [_scattered(rng, rng.uniform(*NOBODY_DEPTH), ground, view) for _ in range(num)]


def _companion(
    rng: np.random.Generator, kind: str, joints: Floats, ground: float, view: View
) -> Prop:
    aside, up, ahead = heading(view)
    place = dict(zip(SMPL_24_JOINT_NAMES, joints, strict=True))
    side = str(rng.choice(["left", "right"]))
    fabric = sample_fabric(rng)
    pelvis, sign = place["pelvis"], 1 if side == "left" else -1
    elbow, wrist, hand = (place[f"{side}_{name}"] for name in ("elbow", "wrist", "hand"))
    level = abs(float((wrist - elbow) @ up)) < 0.6 * float(np.linalg.norm(wrist - elbow))
    if kind == "umbrella" and float((hand - place["spine2"]) @ up) > 0:
        return placed(furniture.umbrella(rng), hand, view, fabric)
    if kind == "coat" and level:
        half = np.array([rng.uniform(0.06, 0.12), rng.uniform(0.2, 0.36), rng.uniform(0.1, 0.18)])
        hung = superellipsoid(half, rng.uniform(0.3, 0.7))
        return placed(hung, (elbow + wrist) / 2 - (half[1] - 0.05) * up, view, fabric)
    if kind == "pram":
        foot = pelvis + rng.uniform(0.75, 0.95) * ahead
        return placed(furniture.pram(rng), _down(foot, ground, up), view, fabric)
    shapes = {"animal": furniture.animal, "bicycle": furniture.cycle}
    shape = shapes.get(kind, furniture.suitcase)(rng)
    wide = float(np.ptp(shape[0][:, 0])) / 2
    foot = pelvis + sign * (rng.uniform(0.3, 0.5) + wide) * aside + rng.normal(0, 0.15) * ahead
    turn = rng.normal(0, 15)
    return placed(furniture.turned(shape, "Y", turn), _down(foot, ground, up), view, fabric)


def _scattered(rng: np.random.Generator, depth: float, ground: float, view: View) -> Prop:
    kind = str(rng.choice(list(SCATTERED), p=list(SCATTERED.values())))
    height = rng.uniform(0.35, 0.55)
    match kind:
        case "chair" | "sofa":
            shape = furniture.SEATS[kind](rng, height)
        case "bicycle":
            shape = furniture.cycle(rng)
        case _:
            shape = {
                "table": furniture.table,
                "shelf": furniture.shelf,
                "plant": furniture.plant,
                "suitcase": furniture.suitcase,
                "animal": furniture.animal,
                "thing": furniture.thing,
            }[kind](rng)
    reach = depth * view.camera.size[1] / 2 / view.camera.focal
    foot = np.array([rng.uniform(-1.1, 1.1) * reach, 0, -depth])
    fabric = green(rng) if kind == "plant" else sample_fabric(rng)
    shape = furniture.turned(shape, "Y", rng.uniform(-180, 180))
    return placed(shape, _down(foot, ground, view.up), view, fabric)


def _down(point: Floats, ground: float, up: Floats) -> Floats:
    """The place on the ground below or above a point."""
    foot: Floats = point + (ground - point @ up) * up
    return foot
