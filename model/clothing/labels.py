"""The garments that are told apart: 59 fine labels, and 19 groups that merge near-synonyms.

The fine labels are those of Clothing Co-Parsing, by their own ids and names. Source: Yang, Luo,
Lin, Clothing Co-Parsing by Joint Image Segmentation and Labeling, CVPR 2014.

People who labelled those photos called much the same garment a coat, a blazer or a jacket, and much
the same footwear shoes, pumps or heels; 16 of the labels are in fewer than 15 of 822 training
photos. The groups merge what is confused by nature and stay apart where the eye tells them apart:

* A one-piece garment (dress, romper) is not a top and a skirt.
* Leggings and tights lie on the leg like stockings, so they are legwear and not trousers.
* What is worn round the neck is one group: ties are in 17 photos, too few for one of their own.
* Jewellery, watches and gloves are accessories: each covers under 0.01 % of the pixels.
* Underwear and swimwear are in no training photo; they have a group so that every label has one.

H W a picture's size, C labels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

from model.errors import InvalidInputError

# fmt: off
LABELS: tuple[str, ...] = (
    "null", "accessories", "bag", "belt", "blazer", "blouse", "bodysuit", "boots", "bra",
    "bracelet", "cape", "cardigan", "clogs", "coat", "dress", "earrings", "flats", "glasses",
    "gloves", "hair", "hat", "heels", "hoodie", "intimate", "jacket", "jeans", "jumper",
    "leggings", "loafers", "necklace", "panties", "pants", "pumps", "purse", "ring", "romper",
    "sandals", "scarf", "shirt", "shoes", "shorts", "skin", "skirt", "sneakers", "socks",
    "stockings", "suit", "sunglasses", "sweater", "sweatshirt", "swimwear", "t-shirt", "tie",
    "tights", "top", "vest", "wallet", "watch", "wedges",
)
# fmt: on
"""Names in the order of their ids in the dataset; 0, "null", is whatever nobody wears."""

# fmt: off
_FOOTWEAR = (
    "shoes", "pumps", "flats", "heels", "loafers", "wedges", "boots", "sandals", "sneakers",
    "clogs",
)
# fmt: on
_ACCESSORIES = ("accessories", "necklace", "bracelet", "ring", "earrings", "watch", "gloves")
_GROUPS: tuple[tuple[str, tuple[int, int, int], tuple[str, ...]], ...] = (
    ("null", (0, 0, 0), ("null",)),
    ("skin", (255, 205, 160), ("skin",)),
    ("hair", (130, 75, 25), ("hair",)),
    ("hat", (255, 150, 0), ("hat",)),
    ("eyewear", (0, 255, 255), ("glasses", "sunglasses")),
    ("outerwear", (30, 60, 200), ("coat", "blazer", "jacket", "suit", "cape")),
    ("knitwear", (0, 140, 130), ("sweater", "cardigan", "jumper", "hoodie", "sweatshirt")),
    ("top", (60, 200, 60), ("shirt", "blouse", "t-shirt", "top", "vest", "bodysuit")),
    ("dress", (230, 25, 75), ("dress", "romper")),
    ("skirt", (240, 120, 220), ("skirt",)),
    ("trousers", (80, 150, 255), ("pants", "jeans")),
    ("shorts", (170, 255, 120), ("shorts",)),
    ("legwear", (145, 30, 180), ("stockings", "tights", "leggings", "socks")),
    ("footwear", (255, 240, 60), _FOOTWEAR),
    ("bag", (150, 0, 0), ("bag", "purse", "wallet")),
    ("belt", (190, 190, 0), ("belt",)),
    ("neckwear", (255, 90, 60), ("scarf", "tie")),
    ("accessories", (200, 160, 255), _ACCESSORIES),
    ("underwear", (128, 128, 128), ("bra", "intimate", "panties", "swimwear")),
)
"""Name, colour and fine labels of each group, in the order of the groups' ids."""


@dataclass(frozen=True, eq=False)
class LabelScheme:
    """Labels, and a colour for each by which a coloured picture holds them.

    Raises:
        ValueError: There is not one colour for each label, or two labels share one.
    """

    name: str
    """How it is asked for."""
    labels: tuple[str, ...]
    """In the order of their ids."""
    colours: UInt8[np.ndarray, "C 3"]
    """RGB."""

    def __post_init__(self) -> None:
        if len(self.colours) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels have {len(self.colours)} colours")
        if len(np.unique(_packed(self.colours))) != len(self.labels):
            raise ValueError(f"two labels of {self.name!r} have the same colour")

    def __len__(self) -> int:
        """How many labels."""
        return len(self.labels)

    def encode(self, coloured: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W"]:
        """Ids from colours; the exact inverse of `decode`.

        Raises:
            InvalidInputError: A colour belongs to no label, as after lossy compression.
        """
        known = _packed(self.colours)
        order = np.argsort(known)
        found = _packed(coloured)
        ids: np.ndarray = order[np.searchsorted(known[order[:-1]], found)].astype(np.uint8)
        if (unknown := known[ids] != found).any():
            row, column = np.argwhere(unknown)[0]
            raise InvalidInputError(
                f"the colour {tuple(coloured[row, column].tolist())} at row {row}, column {column} "
                f"belongs to none of the {len(self)} {self.name} labels"
            )
        return ids

    def decode(self, ids: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
        """Colours from ids.

        Raises:
            InvalidInputError: An id belongs to no label.
        """
        if (highest := int(ids.max(initial=0))) >= len(self):
            raise InvalidInputError(
                f"the id {highest} belongs to no {self.name} label; ids run from 0 to "
                f"{len(self) - 1}"
            )
        coloured: np.ndarray = self.colours[ids]
        return coloured


def _packed(colours: UInt8[np.ndarray, "*shape 3"]) -> Int[np.ndarray, "*shape"]:
    """Each colour as one number."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    packed: np.ndarray = red << 16 | green << 8 | blue
    return packed


def _pascal_voc_colours(num_labels: int) -> UInt8[np.ndarray, "{num_labels} 3"]:
    """Colours far apart: an id's bits, the lowest first, dealt to the channels, the highest first.

    Source: the development kit of Everingham et al., The PASCAL Visual Object Classes Challenge,
    IJCV 2010.
    """
    ids = np.arange(num_labels)
    colours = np.zeros((num_labels, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((ids >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


FINE = LabelScheme("fine", LABELS, _frozen(_pascal_voc_colours(len(LABELS))))
GROUPED = LabelScheme(
    "grouped",
    tuple(name for name, _, _ in _GROUPS),
    _frozen(np.array([colour for _, colour, _ in _GROUPS], np.uint8)),
)
SCHEMES = {scheme.name: scheme for scheme in (FINE, GROUPED)}

_GROUP_NAMED = {label: group for group, (_, _, labels) in enumerate(_GROUPS) for label in labels}
GROUP_OF = _frozen(np.array([_GROUP_NAMED[label] for label in LABELS], np.uint8))
"""(59,) the group's id of each fine label."""
