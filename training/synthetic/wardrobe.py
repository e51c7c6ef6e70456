"""What a person wears: outfits cut to one body."""

from dataclasses import dataclass, replace

import numpy as np

from training.synthetic.bodies import BodySource, Floats, RestBody
from training.synthetic.fabrics import Fabric, plain, sample_fabric
from training.synthetic.garments import Fit, Garment, sew
from training.synthetic.outlines import Outline, progress, scalp

SKIN_TONES = np.array(
    # Linear RGB from very light to very dark.
    [
        [0.80, 0.56, 0.44],
        [0.70, 0.44, 0.32],
        [0.58, 0.34, 0.23],
        [0.42, 0.23, 0.14],
        [0.25, 0.13, 0.08],
        [0.12, 0.06, 0.04],
    ],
    np.float32,
)
HAIR_COLOURS = np.array(
    [
        [0.01, 0.01, 0.01],
        [0.04, 0.02, 0.01],
        [0.12, 0.06, 0.03],
        [0.45, 0.30, 0.12],
        [0.4, 0.4, 0.4],
    ],
    np.float32,
)
OUTFITS = {
    "top and trousers": 0.48,
    "top and skirt": 0.14,
    "dress": 0.14,
    "top, trousers and coat": 0.18,
    "dress and coat": 0.06,
}
"""How often each is drawn."""


@dataclass(frozen=True)
class Outfit:
    """Everything on a person, from the inside out."""

    garments: list[Garment]
    skin: Fabric


class Tailor:
    """Dresses bodies at random."""

    def __init__(self, source: BodySource) -> None:
        self._source = source

    def dress(self, body: RestBody, rng: np.random.Generator) -> Outfit:
        """A random outfit with hair and shoes."""
        names = list(OUTFITS)
        outfit = names[int(rng.choice(len(names), p=list(OUTFITS.values())))]
        width = rng.uniform(0, 1) ** 1.5  # taste: from tight to wide, shared by all garments
        made: list[Garment | None] = [self._shoes(body, rng) if rng.random() < 0.92 else None]
        if "dress" in outfit:
            made += self._dress(body, width, rng)
        if "top" in outfit:
            top = self._top(body, width, rng)
            if "skirt" in outfit:
                lower = self._skirt(body, sample_fabric(rng), width, rng)
            else:
                lower = self._trousers(body, width, rng)
            tucked_in = "skirt" in outfit or rng.random() < 0.4
            made += [top, lower] if tucked_in else [lower, top]
        if "coat" in outfit:
            made += self._coat(body, width, rng)
        made.append(self._hair(body, rng))
        tone = _between(SKIN_TONES, rng)
        return Outfit([garment for garment in made if garment is not None], plain(tone, rng))

    def _top(self, body: RestBody, width: float, rng: np.random.Generator) -> Garment | None:
        hip, neck = _y(body, "left_hip"), _y(body, "neck")
        hem = hip + (neck - hip) * rng.uniform(-0.28, 0.3)
        outline = self._upper(body, hem, float(rng.choice([-0.1, 0.25, 0.5, 1.0])), rng)
        fit = Fit(0.003, 0.002 + 0.05 * width, 0.05 * width, 0.02 * width, rng.uniform(4, 9))
        return sew(
            self._source.shells["tights"],
            body,
            outline,
            fit,
            sample_fabric(rng),
            rng,
            progress(_y(body, "left_shoulder"), hem),
        )

    def _upper(
        self, body: RestBody, hem: float, sleeve: float, rng: np.random.Generator
    ) -> Outline:
        """What hangs from the shoulders; `sleeve` is 0 at the shoulder and 1 at the wrist."""
        shoulder, wrist = body.joint("left_shoulder"), body.joint("left_wrist")
        reach = sleeve + rng.normal(0, 0.04)
        lower = np.array([0, rng.uniform(-0.04, 0.02), rng.uniform(0, 0.05)], np.float32)
        return Outline(
            top=float(body.joint("neck")[1] + rng.choice([0.0, 0.03])),
            hem=hem,
            sleeve=float(shoulder[0] + reach * (wrist[0] - shoulder[0])),
            shoulder=float(shoulder[1]),
            neck=body.joint("neck") + lower,
            neckline=rng.uniform(0.055, 0.12),
            ragged=rng.uniform(0, 0.012),
            phase=rng.uniform(0, 6),
        )

    def _trousers(self, body: RestBody, width: float, rng: np.random.Generator) -> Garment | None:
        waist, hip, ankle = (_y(body, name) for name in ("spine1", "left_hip", "left_ankle"))
        length = float(rng.choice([0.3, 0.5, 0.8, 1.0], p=[0.15, 0.12, 0.1, 0.63]))
        hem = hip - (hip - ankle) * (length + rng.normal(0, 0.03))
        outline = Outline(
            top=waist + rng.uniform(-0.05, 0.04),
            hem=hem,
            ragged=rng.uniform(0, 0.01),
            phase=rng.uniform(0, 6),
        )
        wide = width * rng.uniform(0.2, 1.2)
        fit = Fit(0.002, 0.002 + 0.035 * wide, 0.07 * wide**2, 0.012 * wide, rng.uniform(3, 7))
        return sew(
            self._source.shells["tights"],
            body,
            outline,
            fit,
            sample_fabric(rng),
            rng,
            progress(hip, hem),
        )

    def _skirt(
        self, body: RestBody, fabric: Fabric, width: float, rng: np.random.Generator
    ) -> Garment | None:
        waist, ankle = _y(body, "spine1"), _y(body, "left_ankle")
        top = waist + rng.uniform(-0.03, 0.06)
        hem = top - (top - ankle) * float(rng.choice([0.4, 0.55, 0.75, 1.0])) * rng.uniform(0.9, 1)
        outline = Outline(top=top, hem=hem, ragged=rng.uniform(0, 0.02), phase=rng.uniform(0, 6))
        wide = rng.uniform(0.2, 1.3) * (0.3 + width)
        fit = Fit(0.004, 0.012, 0.18 * wide, 0.06 * wide, float(rng.integers(4, 14)))
        shell = self._source.shells["skirt"]
        return sew(shell, body, outline, fit, fabric, rng, progress(top, hem))

    def _dress(
        self, body: RestBody, width: float, rng: np.random.Generator
    ) -> list[Garment | None]:
        fabric = sample_fabric(rng)
        waist = _y(body, "spine1")
        sleeve = float(rng.choice([-0.1, 0.25, 0.5, 1.0]))
        outline = self._upper(body, waist - 0.05, sleeve, rng)
        fit = Fit(0.003, 0.002 + 0.02 * width, 0.01 * width)
        top = sew(
            self._source.shells["tights"],
            body,
            outline,
            fit,
            fabric,
            rng,
            progress(_y(body, "left_shoulder"), waist),
        )
        return [top, self._skirt(body, fabric, width, rng)]

    def _coat(self, body: RestBody, width: float, rng: np.random.Generator) -> list[Garment | None]:
        fabric = sample_fabric(rng)
        waist, hip, ankle = (_y(body, name) for name in ("spine1", "left_hip", "left_ankle"))
        opening = float(rng.choice([0.0, rng.uniform(0.02, 0.1)]))
        outline = self._upper(body, hip - 0.06, 1.0, rng)
        outline = replace(outline, opening=opening)
        loose = 0.01 + 0.05 * width
        top = sew(
            self._source.shells["tights"],
            body,
            outline,
            Fit(0.014, loose, 0.05 * width, 0.01 * width),
            fabric,
            rng,
            progress(_y(body, "left_shoulder"), hip),
        )
        if rng.random() < 0.4:  # a jacket
            return [top]
        hem = hip - (hip - ankle) * rng.uniform(0.2, 0.85)
        tails = Outline(top=waist + 0.02, hem=hem, opening=opening, ragged=rng.uniform(0, 0.01))
        fit = Fit(0.014 + loose, loose, 0.14 * width, 0.03 * width, float(rng.integers(3, 8)))
        shell = self._source.shells["skirt"]
        return [top, sew(shell, body, tails, fit, fabric, rng, progress(waist, hem))]

    def _shoes(self, body: RestBody, rng: np.random.Generator) -> Garment | None:
        shaft = _y(body, "left_ankle") + float(rng.choice([-0.01, 0.05, 0.25])) * rng.uniform(
            0.5, 1
        )
        fabric = plain(
            (rng.uniform(0, 0.9) ** 2.5 * rng.uniform(0.5, 1, 3)).astype(np.float32),
            rng,
            gloss=float(rng.uniform(0, 0.6)),
        )
        fit = Fit(rng.uniform(0.004, 0.012), 0.004)
        return sew(self._source.body, body, Outline(top=shaft), fit, fabric, rng)

    def _hair(self, body: RestBody, rng: np.random.Generator) -> Garment | None:
        style = str(rng.choice(["bald", "short", "long"], p=[0.06, 0.44, 0.5]))
        if style == "bald":
            return None
        fabric = plain(_between(HAIR_COLOURS, rng), rng, gloss=0.2)
        if style == "short":
            fit = Fit(rng.uniform(0.004, 0.015), rng.uniform(0.003, 0.03))
            return sew(self._source.body, body, scalp(body, rng), fit, fabric, rng)
        outline = Outline(hem=_y(body, "head") - rng.uniform(0, 0.3), ragged=0.03)
        fit = Fit(0.006, rng.uniform(0.005, 0.04))
        return sew(self._source.shells["hair"], body, outline, fit, fabric, rng)


def _y(body: RestBody, joint: str) -> float:
    return float(body.joint(joint)[1])


def _between(palette: Floats, rng: np.random.Generator) -> Floats:
    """A colour between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    colour: Floats = palette[low] + (place - low) * (
        palette[min(low + 1, len(palette) - 1)] - palette[low]
    )
    return (colour * rng.uniform(0.9, 1.1, 3)).clip(0, 1).astype(np.float32)
