"""Hair: part of the dressed silhouette, not of the body."""

from dataclasses import replace

import numpy as np

from training.synthetic.accessories import solid
from training.synthetic.bodies import BodySource, Floats, RestBody
from training.synthetic.fabrics import plain
from training.synthetic.garments import Fit, Garment, sew
from training.synthetic.outlines import Cap, Outline, within
from training.synthetic.palettes import HAIR_COLOURS, between
from training.synthetic.solids import superellipsoid, tube

STYLES = {"bald": 0.06, "short": 0.4, "long": 0.36, "bun": 0.08, "tail": 0.1}
"""How often each is drawn; long is anything from the chin to the chest."""


def sample_hair(
    source: BodySource, body: RestBody, rng: np.random.Generator
) -> list[Garment | None]:
    """Hair of some length, or none."""
    style = str(rng.choice(list(STYLES), p=list(STYLES.values())))
    if style == "bald":
        return []
    fabric = plain(between(HAIR_COLOURS, rng), rng, gloss=0.2)
    head = body.joint("head")
    if style == "long":
        outline = Outline(hem=float(head[1]) - rng.uniform(0, 0.3), ragged=0.03)
        hairline = Cap.on(body, rng.uniform(0.35, 0.48), 0.6)
        face = float(head[2]) + rng.uniform(0.02, 0.06)

        def framing(points: Floats) -> Floats:
            """Above the hairline, or behind the face."""
            return within(outline(points), np.maximum(hairline.above(points), face - points[:, 2]))

        fit = Fit(0.006, rng.uniform(0.005, 0.04))
        hair = sew(source.shells["hair"], body, framing, fit, fabric, rng)
        # Only on the skull is skin that pokes through painted as hair.
        return [hair and replace(hair, cut=hairline)]
    cap = Cap.on(body, rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.8))
    fit = Fit(rng.uniform(0.004, 0.015), rng.uniform(0.003, 0.03 if style == "short" else 0.008))
    scalp = sew(source.body, body, cap, fit, fabric, rng)
    if style == "short":
        return [scalp]
    # Where the hair is tied: between nape and crown, on the skin.
    height = cap.level + rng.uniform(-0.01, 0.08)
    skull = body.surface[np.abs(body.surface[:, 1] - height) < 0.015]
    tied = np.array([0.0, height, float(skull[np.abs(skull[:, 0]) < 0.05, 2].min())])
    if style == "bun":
        radius = rng.uniform(0.028, 0.05)
        vertices, faces = superellipsoid(np.full(3, radius), 0.0)
        return [scalp, solid(((vertices + tied).astype(np.float32), faces), "head", fabric)]
    share = np.linspace(0, 1, 8)
    length = rng.uniform(0.12, 0.32)
    path = tied + np.stack(
        [0 * share, -length * share**1.3, -0.09 * np.sin(share * 2.2) + 0.01], -1
    )
    radii = rng.uniform(0.018, 0.032) * np.sin(np.pi * (0.12 + 0.86 * share)) ** 0.7
    return [scalp, solid(tube(path, radii), "head", fabric)]
