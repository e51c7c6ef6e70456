"""Pictures of people with what is known of them: rendered on a street, rendered, photographed.

H W the picture's size.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from model.image import MINIMUM_SIDE
from model.silhouette.confidence import alpha_mask, sigma_for, silhouette_confidence
from training.datasets.random_crops import (
    person_window,
    picture_size,
    random_window,
    resized,
    resized_label,
)
from training.silhouette.recipe import Augmentation
from training.silhouette.sources import BACKGROUND, BONE, SKIN


@dataclass(frozen=True)
class BodyWeights:
    """What pixels of a photo count that are known to be body; background counts 1."""

    skin: float
    bone: float = 0.0
    """0 leaves bones unknown."""


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
    """(H, W) bool; of a photo, all that is known to be body and counts."""
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


def photo_scene(
    photo: np.ndarray,
    side: int,
    rng: np.random.Generator,
    settings: Augmentation,
    weights: BodyWeights,
) -> Scene:
    """A part of a street photo: what is known of its pixels, as far as it counts.

    Args:
        photo: (H, W, 7), an item of `StreetPhotos`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: How far to go.
        weights: Of what is known to be body.
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
    return known_scene(image, resized_label(photo[..., 3], size, box), weights)


def known_scene(image: np.ndarray, known: np.ndarray, weights: BodyWeights) -> Scene:
    """The truth of a photo out of what is known of each pixel.

    Args:
        image: (H, W, 3) uint8.
        known: (H, W) of UNKNOWN, BACKGROUND, SKIN, BONE.
        weights: Of what is known to be body.
    """
    body = known == SKIN
    weight = (known == BACKGROUND).astype(np.float32)
    weight[body] = weights.skin
    if weights.bone:
        weight[known == BONE] = weights.bone
        body |= known == BONE
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


def whole_scene(pair: np.ndarray) -> Scene:
    """A rendered picture, every pixel as it was rendered.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
    """
    image = np.ascontiguousarray(pair[..., :3])
    return rendered_scene(image, alpha_mask(pair[..., 3]), alpha_mask(pair[..., 4]))


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
    dressed, naked = (alpha_mask(resized(pair[..., c], size, box)) for c in (3, 4))
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
    dressed[top:bottom, left:right] = alpha_mask(cut[..., 3])
    naked[top:bottom, left:right] = alpha_mask(resized(pair[..., 4], inner, box))
    image = np.clip(street + 0.5, 0, 255).astype(np.uint8)
    return rendered_scene(image, dressed, naked)


def _light(cut: np.ndarray, behind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of the three colours that bring a person part of the way to the light around."""
    inside = cut[alpha_mask(cut[..., 3])][:, :3]
    if not len(inside):
        return np.ones(3, np.float32)
    wanted, found = behind.mean((0, 1)) + 8, inside.mean(0) + 8
    share = rng.uniform(0, 0.6)
    gains: np.ndarray = np.clip((wanted / found) ** share, 0.6, 1.6).astype(np.float32)
    return gains
