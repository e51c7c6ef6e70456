"""Who wears what: outfits of one to three layers, with shoes, hair and accessories."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.synthetic import accessories
from training.synthetic.bodies import BodySource, RestBody
from training.synthetic.fabrics import Fabric, plain, sample_fabric
from training.synthetic.garments import Garment
from training.synthetic.hair import sample_hair
from training.synthetic.palettes import SKIN_TONES, between
from training.synthetic.tailoring import MIDDLES, TOPS, Tailor, TopKind

OUTFITS = {
    "top and trousers": 0.34,
    "top and skirt": 0.12,
    "dress": 0.14,
    "top, middle and trousers": 0.1,
    "top, trousers and coat": 0.15,
    "top, middle, trousers and coat": 0.05,
    "top, skirt and coat": 0.04,
    "dress and coat": 0.06,
}
"""How often each is drawn."""
WIDTH_POWER = 1.1
"""Width is a uniform number to this power: narrow clothes are commoner than wide ones."""
SHOES = 0.94
"""Share of people who wear any."""
TUCKED_IN = 0.35
"""Share of tops that are worn inside trousers; inside skirts all are."""
HATS = {"none": 0.74, "beanie": 0.09, "peaked cap": 0.09, "brimmed hat": 0.08}
HOODS_UP = 0.3
"""Share of hoods on hoodies that are worn over the head."""
COAT_HOODS = 0.25
"""Share of coats with a hood."""
SCARVES = {True: 0.3, False: 0.05}
"""Share of people with one, with and without a coat."""
BAGS = {"none": 0.6, "shoulder bag": 0.16, "handbag": 0.13, "backpack": 0.11}


@dataclass(frozen=True)
class Outfit:
    """Everything on a person, from the inside out."""

    garments: list[Garment]
    skin: Fabric


def dress(source: BodySource, body: RestBody, rng: np.random.Generator) -> Outfit:
    """A random outfit.

    Args:
        source: What garments are cut from.
        body: Who is to be dressed.
        rng: Decides.
    """
    outfit = choose(rng, OUTFITS)
    tailor = Tailor(source, body, rng, width=rng.uniform(0, 1) ** WIDTH_POWER)
    made: list[Garment | None] = [tailor.shoes() if rng.random() < SHOES else None]
    if "dress" in outfit:
        made += tailor.dress()
    if "top" in outfit:
        top = tailor.top(_kind(rng, TOPS), sample_fabric(rng))
        lower = tailor.skirt(sample_fabric(rng)) if "skirt" in outfit else tailor.trousers()
        tucked_in = "skirt" in outfit or rng.random() < TUCKED_IN
        made += [top, lower] if tucked_in else [lower, top]
    hooded: list[Garment | None] = []
    if "middle" in outfit:
        fabric = sample_fabric(rng)
        name = choose(rng, {name: kind.share for name, kind in MIDDLES.items()})
        opening = rng.uniform(0.02, 0.1) if name == "open shirt" else 0.0
        made.append(tailor.top(MIDDLES[name], fabric, opening))
        if name == "hoodie":
            hooded = [accessories.hood(source, body, rng.random() < HOODS_UP, fabric, rng)]
    if "coat" in outfit:
        fabric = sample_fabric(rng)
        made += tailor.coat(fabric)
        if not hooded and rng.random() < COAT_HOODS:
            hooded = [accessories.hood(source, body, rng.random() < HOODS_UP, fabric, rng)]
    if rng.random() < SCARVES["coat" in outfit]:
        made += accessories.scarf(source, body, sample_fabric(rng), rng)
    made += _bag(source, body, rng)
    made += sample_hair(source, body, rng)
    made += hooded
    hat = choose(rng, HATS)
    if hat != "none" and not hooded:
        made += accessories.hat(source, body, hat, sample_fabric(rng), rng)
    skin = plain(between(SKIN_TONES, rng), rng)
    return Outfit([garment for garment in made if garment is not None], skin)


def choose(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """A name, as often as its share says."""
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _bag(source: BodySource, body: RestBody, rng: np.random.Generator) -> list[Garment | None]:
    bag = choose(rng, BAGS)
    if bag == "none":
        return []
    fabric = sample_fabric(rng)
    if bag == "handbag":
        return [accessories.handbag(body, fabric, rng)]
    if bag == "backpack":
        return accessories.backpack(source, body, fabric, rng)
    return accessories.shoulder_bag(source, body, fabric, rng)


def _kind(rng: np.random.Generator, kinds: Mapping[str, TopKind]) -> TopKind:
    return kinds[choose(rng, {name: kind.share for name, kind in kinds.items()})]
