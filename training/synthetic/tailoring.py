"""Garments cut to one body: tops, trousers, skirts, coats, shoes.

Every number is drawn here; `wardrobe` says who wears what, and over what.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.synthetic.bodies import BodySource, Floats, RestBody
from training.synthetic.drape import hang
from training.synthetic.fabrics import Fabric, plain, sample_fabric
from training.synthetic.garments import Drape, Fit, Garment, sew
from training.synthetic.outlines import Outline, progress


@dataclass(frozen=True)
class TopKind:
    """A garment for the upper body."""

    share: float
    """How often it is drawn."""
    thickness: float
    """Metres."""
    sleeves: tuple[float, ...]
    """Where they may end: 0 at the shoulder, 1 at the wrist, below 0 without."""
    hem: tuple[float, float] = (-0.28, 0.25)
    """Lower edge: 0 at the hips, 1 at the neck."""
    neckline: tuple[float, float] = (0.055, 0.11)
    """Radius of the opening for the neck, in metres."""
    ease: float = 0.06
    """Metres of air in the widest one."""


TOPS = {
    "T-shirt": TopKind(0.4, 0.003, (0.2, 0.28, 0.36)),
    "vest": TopKind(0.14, 0.002, (-0.1,), neckline=(0.09, 0.13)),
    "shirt": TopKind(0.2, 0.003, (1.0, 1.0, 0.45)),
    "blouse": TopKind(0.1, 0.003, (0.5, 0.75, 1.0), neckline=(0.07, 0.13), ease=0.09),
    "jumper": TopKind(0.16, 0.008, (1.0,), hem=(-0.2, 0.1), ease=0.07),
}
MIDDLES = {
    "jumper": TopKind(0.35, 0.012, (1.0,), hem=(-0.2, 0.05), ease=0.06),
    "hoodie": TopKind(0.35, 0.014, (1.0,), hem=(-0.2, 0.05), ease=0.06),
    "open shirt": TopKind(0.3, 0.008, (1.0, 0.45), hem=(-0.4, 0.0), ease=0.06),
}
"""What is worn over a top."""
TROUSERS = {
    "shorts": (0.3, 0.13),
    "knee-long": (0.5, 0.1),
    "cropped": (0.82, 0.1),
    "long": (1.0, 0.67),
}
"""Length (0 at the hips, 1 at the ankles) and how often it is drawn."""
SKIRT_LENGTHS = (0.4, 0.55, 0.75, 1.0)
"""Share of the way from the waist to the ankles."""
COAT_LENGTHS = (0.2, 0.85)
"""Share of the way from the hips to the ankles; jackets end at the hips."""
JACKETS = 0.4
"""Share of coats that are jackets."""
OPEN_COATS = 0.5
"""Share of coats that are not buttoned."""
SHAFTS = (-0.01, 0.05, 0.25)
"""Height of a shoe's edge above the ankle, in metres: shoes, ankle boots, boots."""


@dataclass(frozen=True)
class Tailor:
    """Cuts for one body."""

    source: BodySource
    body: RestBody
    rng: np.random.Generator
    width: float
    """Taste, shared by all garments: from tight (0) to very wide (1)."""

    def top(self, kind: TopKind, fabric: Fabric, opening: float = 0.0) -> Garment | None:
        """T-shirts, shirts, jumpers and the like."""
        rng, width = self.rng, self.width
        hip, neck = self._y("left_hip"), self._y("neck")
        hem = hip + (neck - hip) * rng.uniform(*kind.hem)
        outline = self._upper(hem, float(rng.choice(kind.sleeves)), kind.neckline)
        outline = replace(outline, opening=opening)
        ease = kind.thickness + kind.ease * width
        fit = Fit(kind.thickness, ease, 0.05 * width, 0.02 * width, rng.uniform(4, 9))
        return sew(
            self.source.shells["tights"],
            self.body,
            outline,
            fit,
            fabric,
            rng,
            progress(self._y("left_shoulder"), hem),
            self._falling(),
        )

    def trousers(self) -> Garment | None:
        """From shorts to long, from leggings to very wide legs."""
        rng = self.rng
        waist, hip, ankle = (self._y(name) for name in ("spine1", "left_hip", "left_ankle"))
        shares = [share for _, share in TROUSERS.values()]
        length = list(TROUSERS.values())[int(rng.choice(len(shares), p=shares))][0]
        hem = hip - (hip - ankle) * (length + rng.normal(0, 0.03))
        outline = Outline(
            top=waist + rng.uniform(-0.05, 0.04),
            hem=hem,
            ragged=rng.uniform(0, 0.01),
            phase=rng.uniform(0, 6),
        )
        wide = self.width * rng.uniform(0.2, 1.2)
        fit = Fit(0.002, 0.002 + 0.035 * wide, 0.06 * wide**2, 0.012 * wide, rng.uniform(3, 7))
        side = float(self.body.joint("left_knee")[0])
        share = float(np.clip(1.2 * wide + rng.normal(0, 0.15), 0, 1))

        def fall(vertices: Floats) -> Floats:
            """Each leg on its own."""
            draped = vertices.copy()
            for sign in (-1, 1):
                leg = np.sign(vertices[:, 0] + 1e-9) == sign
                moved = hang(vertices[leg], (sign * side, 0), hip - 0.02, share)
                # What one leg gains towards the other stops between them.
                moved[:, 0] = sign * np.maximum(sign * moved[:, 0], 0.002)
                draped[leg] = moved
            return draped

        return sew(
            self.source.shells["tights"],
            self.body,
            outline,
            fit,
            sample_fabric(rng),
            rng,
            progress(hip, hem),
            fall,
        )

    def skirt(self, fabric: Fabric) -> Garment | None:
        """From the waist down, straight to flared."""
        rng = self.rng
        waist, ankle = self._y("spine1"), self._y("left_ankle")
        top = waist + rng.uniform(-0.03, 0.06)
        hem = top - (top - ankle) * float(rng.choice(SKIRT_LENGTHS)) * rng.uniform(0.9, 1)
        outline = Outline(top=top, hem=hem, ragged=rng.uniform(0, 0.02), phase=rng.uniform(0, 6))
        wide = rng.uniform(0.2, 1.2) * (0.3 + self.width)
        fit = Fit(0.004, 0.012, 0.15 * wide, 0.05 * wide, float(rng.integers(4, 14)))
        shell = self.source.shells["skirt"]
        return sew(shell, self.body, outline, fit, fabric, rng, progress(top, hem))

    def dress(self) -> list[Garment | None]:
        """A bodice and a skirt of one fabric."""
        rng = self.rng
        fabric = sample_fabric(rng)
        waist = self._y("spine1")
        sleeve = float(rng.choice([-0.1, 0.25, 0.5, 1.0]))
        outline = self._upper(waist - 0.05, sleeve, (0.055, 0.13))
        fit = Fit(0.003, 0.002 + 0.02 * self.width, 0.01 * self.width)
        bodice = sew(
            self.source.shells["tights"],
            self.body,
            outline,
            fit,
            fabric,
            rng,
            progress(self._y("left_shoulder"), waist),
        )
        return [bodice, self.skirt(fabric)]

    def coat(self, fabric: Fabric) -> list[Garment | None]:
        """A jacket, or a coat with tails; open or closed."""
        rng, width = self.rng, self.width
        waist, hip, ankle = (self._y(name) for name in ("spine1", "left_hip", "left_ankle"))
        opening = rng.uniform(0.02, 0.1) if rng.random() < OPEN_COATS else 0.0
        outline = self._upper(hip - 0.06, 1.0, (0.055, 0.1))
        outline = replace(outline, opening=opening)
        loose = 0.01 + 0.05 * width
        upper = sew(
            self.source.shells["tights"],
            self.body,
            outline,
            Fit(0.016, loose, 0.05 * width, 0.01 * width),
            fabric,
            rng,
            progress(self._y("left_shoulder"), hip),
            self._falling(),
        )
        if rng.random() < JACKETS:
            return [upper]
        hem = hip - (hip - ankle) * rng.uniform(*COAT_LENGTHS)
        tails = Outline(top=waist + 0.02, hem=hem, opening=opening, ragged=rng.uniform(0, 0.01))
        fit = Fit(0.016 + loose, loose, 0.13 * width, 0.03 * width, float(rng.integers(3, 8)))
        shell = self.source.shells["skirt"]
        return [upper, sew(shell, self.body, tails, fit, fabric, rng, progress(waist, hem))]

    def shoes(self) -> Garment | None:
        """Shoes or boots."""
        rng = self.rng
        shaft = self._y("left_ankle") + float(rng.choice(SHAFTS)) * rng.uniform(0.5, 1)
        colour = rng.uniform(0, 0.9) ** 2.5 * rng.uniform(0.5, 1, 3)
        fabric = plain(colour.astype(np.float32), rng, gloss=float(rng.uniform(0, 0.6)))
        fit = Fit(rng.uniform(0.005, 0.014), 0.004)
        return sew(self.source.body, self.body, Outline(top=shaft), fit, fabric, rng)

    def _upper(self, hem: float, sleeve: float, neckline: tuple[float, float]) -> Outline:
        """What hangs from the shoulders."""
        rng, body = self.rng, self.body
        shoulder, wrist = body.joint("left_shoulder"), body.joint("left_wrist")
        reach = sleeve + rng.normal(0, 0.03)
        lower = np.array([0, rng.uniform(-0.04, 0.02), rng.uniform(0, 0.05)], np.float32)
        return Outline(
            top=float(body.joint("neck")[1] + rng.choice([0.0, 0.03])),
            hem=hem,
            sleeve=float(shoulder[0] + reach * (wrist[0] - shoulder[0])),
            shoulder=float(shoulder[1]),
            neck=body.joint("neck") + lower,
            neckline=rng.uniform(*neckline),
            ragged=rng.uniform(0, 0.012),
            phase=rng.uniform(0, 6),
        )

    def _falling(self) -> Drape:
        """From the chest down; the wider the straighter. Sleeves stay as they are."""
        share = float(np.clip(1.1 * self.width + self.rng.normal(0.15, 0.2), 0, 1))
        shoulder = self.body.joint("left_shoulder")
        top, depth = float(shoulder[1]) - 0.12, float(self.body.joint("spine3")[2])

        def fall(vertices: Floats) -> Floats:
            torso = (vertices[:, 1] < top) & (np.abs(vertices[:, 0]) < shoulder[0] + 0.12)
            draped = vertices.copy()
            draped[torso] = hang(vertices[torso], (0, depth), top, share)
            return draped

        return fall

    def _y(self, joint: str) -> float:
        return float(self.body.joint(joint)[1])
