"""Pictures of people with what is known of them: rendered on a street, rendered, photographed.

H W the picture's size.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.image import MINIMUM_SIDE
from model.silhouette.confidence import sigma_for, silhouette_confidence
from training.silhouette.recipe import Augmentation
from training.silhouette.sources import BACKGROUND, SKIN

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True)
class Scene:
    """A picture and its truth, of one size."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1]; meaningless where the weight is 0."""
    dressed: np.ndarray
    """(H, W) bool; all True where it is not known."""
    naked: np.ndarray
    """(H, W) bool; skin alone where the rest is not known."""
    weight: np.ndarray
    """(H, W) float32; 0 where the truth is not known."""

    def mirrored(self) -> "Scene":
        """Left and right exchanged."""
        return Scene(
            *(
                np.ascontiguousarray(layer[:, ::-1])
                for layer in (self.image, self.confidence, self.dressed, self.naked, self.weight)
            )
        )


def picture_size(side: int, rng: np.random.Generator, settings: Augmentation) -> tuple[int, int]:
    """(height, width) of a picture whose longer side is `side`."""
    narrow, wide = settings.aspect
    aspect = float(np.exp(rng.uniform(np.log(narrow), np.log(wide))))
    if aspect <= 1:
        return side, max(MINIMUM_SIDE, round(side * aspect))
    return max(MINIMUM_SIDE, round(side / aspect)), side


def random_window(
    source: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
    settings: Augmentation,
) -> Box:
    """A part of a picture, in the proportions of `size`."""
    scale = min(source[0] / size[0], source[1] / size[1])
    scale *= rng.uniform(settings.least_window, 1)
    height, width = size[0] * scale, size[1] * scale
    left, top = rng.uniform(0, source[1] - width), rng.uniform(0, source[0] - height)
    return left, top, min(left + width, source[1]), min(top + height, source[0])


def photo_scene(
    photo: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation, skin: float
) -> Scene:
    """A part of a street photo: skin is body, background is not, the rest is unknown.

    Args:
        photo: (H, W, 7), an item of `StreetPhotos`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: How far to go.
        skin: Weight of a skin pixel.
    """
    source = (photo.shape[0], photo.shape[1])
    if rng.random() < settings.whole_probability:
        scale = side / max(source)
        size = (
            max(MINIMUM_SIDE, round(source[0] * scale)),
            max(MINIMUM_SIDE, round(source[1] * scale)),
        )
        settings = dataclasses.replace(settings, least_window=0.85)
    else:
        size = picture_size(side, rng, settings)
    box = random_window(source, size, rng, settings)
    image = resized(photo[..., :3], size, box)
    return known_scene(image, resized_label(photo[..., 3], size, box), skin)


def known_scene(image: np.ndarray, known: np.ndarray, skin: float) -> Scene:
    """The truth of a photo out of what is known of each pixel.

    Args:
        image: (H, W, 3) uint8.
        known: (H, W) of UNKNOWN, BACKGROUND, SKIN.
        skin: Weight of a skin pixel.
    """
    body = known == SKIN
    weight = (known == BACKGROUND).astype(np.float32)
    weight[body] = skin
    return Scene(image, body.astype(np.float32), np.ones_like(body), body, weight)


def empty_scene(
    photo: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation
) -> Scene:
    """A street without its person: the map is zero."""
    size = picture_size(side, rng, settings)
    box = random_window((photo.shape[0], photo.shape[1]), size, rng, settings)
    nobody = np.zeros(size, bool)
    return rendered_scene(resized(photo[..., 4:7], size, box), nobody, nobody)


def rendered_scene(image: np.ndarray, dressed: np.ndarray, naked: np.ndarray) -> Scene:
    """The truth of a picture whose silhouettes are known.

    Sigma follows the picture's own longer side, as it does when a checkpoint is measured.
    """
    confidence = np.zeros(dressed.shape, np.float32)
    person = dressed | naked
    if person.any():
        # Beyond the person the map is zero anyway, and the transform costs by the pixel.
        rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        confidence[part] = silhouette_confidence(
            naked[part], dressed[part], sigma_for((image.shape[0], image.shape[1]))
        )
    return Scene(image, confidence, dressed, naked, np.ones(dressed.shape, np.float32))


def own_background_scene(
    pair: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation
) -> Scene:
    """A part of a rendered picture as it was rendered.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: How far to go.
    """
    size = picture_size(side, rng, settings)
    box = random_window((pair.shape[0], pair.shape[1]), size, rng, settings)
    dressed, naked = (resized(pair[..., c], size, box) > 127 for c in (3, 4))
    return rendered_scene(resized(pair[..., :3], size, box), dressed, naked)


def street_scene(
    pair: np.ndarray,
    photo: np.ndarray,
    side: int,
    rng: np.random.Generator,
    settings: Augmentation,
) -> Scene:
    """A rendered person before a street whose own person is painted over.

    The person takes on some of the street's light and colour.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
        photo: (H, W, 7), an item of `StreetPhotos`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: How far to go.
    """
    size = picture_size(side, rng, settings)
    window = random_window((photo.shape[0], photo.shape[1]), size, rng, settings)
    street = resized(photo[..., 4:7], size, window).astype(np.float32)
    box, place = person_window(pair[..., 3], size, rng, settings)
    left, top, right, bottom = place
    inner = (bottom - top, right - left)
    # RGBA, so that colours outside of the silhouette do not bleed in.
    cut = resized(pair[..., :4], inner, box)
    behind = street[top:bottom, left:right]
    alpha = cut[..., 3:].astype(np.float32) * np.float32(1 / 255)
    person = cut[..., :3].astype(np.float32) * _light(cut, behind, rng)
    behind += alpha * (person - behind)
    dressed, naked = np.zeros(size, bool), np.zeros(size, bool)
    dressed[top:bottom, left:right] = cut[..., 3] > 127
    naked[top:bottom, left:right] = resized(pair[..., 4], inner, box) > 127
    image = np.clip(street + 0.5, 0, 255).astype(np.uint8)
    return rendered_scene(image, dressed, naked)


def person_window(
    alpha: np.ndarray, size: tuple[int, int], rng: np.random.Generator, settings: Augmentation
) -> tuple[Box, tuple[int, int, int, int]]:
    """Where a person goes: the part of the rendered picture, and the pixels that it fills.

    Args:
        alpha: (H, W), the dressed silhouette in the rendered picture.
        size: (height, width) of the scene.
        rng: Of this sample.
        settings: How far to go.
    """
    height, width = size
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        rows, columns = np.array([0, alpha.shape[0] - 1]), np.array([0, alpha.shape[1] - 1])
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if rng.random() < settings.crop_probability:
        wanted = height * rng.uniform(1, settings.largest_height)
        # From the top cut (feet visible) to the bottom cut (head visible), mostly the head.
        offset = -(wanted - height) * rng.beta(1, 2)
    else:
        wanted = height * rng.uniform(*settings.person_height)
        offset = (height - wanted) * rng.uniform(0, 1)
    scale = wanted / (bottom - top)
    centre = width * rng.uniform(0.25, 0.75)
    # Source pixel x lies at x * scale + shift_x of the scene.
    shift_x = centre - scale * (left + right) / 2
    shift_y = offset - scale * top
    place = (
        max(0, round(scale * left + shift_x)),
        max(0, round(scale * top + shift_y)),
        min(width, round(scale * right + shift_x)),
        min(height, round(scale * bottom + shift_y)),
    )
    place = (place[0], place[1], max(place[2], place[0] + 1), max(place[3], place[1] + 1))
    box = (
        max(0.0, (place[0] - shift_x) / scale),
        max(0.0, (place[1] - shift_y) / scale),
        min(float(alpha.shape[1]), (place[2] - shift_x) / scale),
        min(float(alpha.shape[0]), (place[3] - shift_y) / scale),
    )
    return box, place


def resized(layer: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    """A part of a picture at another size, with antialiasing."""
    return _resample(layer, size, box, Image.Resampling.BILINEAR)


def resized_label(labels: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    """Likewise of labels: the label at each new pixel's centre."""
    return _resample(labels, size, box, Image.Resampling.NEAREST)


def _resample(
    layer: np.ndarray, size: tuple[int, int], box: Box, method: Image.Resampling
) -> np.ndarray:
    # Only what is needed is copied out of the packed file.
    left, top = math.floor(box[0]), math.floor(box[1])
    part = layer[top : math.ceil(box[3]), left : math.ceil(box[2])]
    picture = Image.fromarray(np.ascontiguousarray(part))
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return np.asarray(picture.resize(size[::-1], method, inner))


def _light(cut: np.ndarray, behind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of the three colours that bring a person part of the way to the light around."""
    inside = cut[cut[..., 3] > 127][:, :3]
    if not len(inside):
        return np.ones(3, np.float32)
    wanted, found = behind.mean((0, 1)) + 8, inside.mean(0) + 8
    share = rng.uniform(0, 0.6)
    gains: np.ndarray = np.clip((wanted / found) ** share, 0.6, 1.6).astype(np.float32)
    return gains
