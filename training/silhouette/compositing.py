"""Rendered people and street photos, and the scenes that are composed of them.

H W the picture's size.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from model.image import MINIMUM_SIDE
from model.silhouette.confidence import alpha_mask, sigma_for, silhouette_confidence
from training.datasets.backgrounds import paint_over
from training.datasets.bones import bone_mask
from training.datasets.ccp_kaggle import LabelledPhotos
from training.datasets.ccp_keypoints import CcpKeypoints
from training.datasets.frame_index import FrameIndex
from training.datasets.random_crops import (
    person_window,
    picture_size,
    random_window,
    resized,
    resized_label,
    shrink,
)
from training.datasets.shader import read_pair_in
from training.engine.seeding import sample_generator
from training.silhouette.recipe import Augmentation, DataRecipe

UNKNOWN, BACKGROUND, SKIN, BONE = 0, 1, 2, 3
"""What is known of a photo's pixel: nothing; that it shows no body; that it is labelled as skin;
that a bone lies behind it, whatever is worn there."""


@dataclass(frozen=True)
class RenderedPairs:
    """Rendered people as (H, W, 5) uint8: dressed RGBA and the naked alpha."""

    frames: FrameIndex
    side: int
    """Longer side at most, in pixels."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> np.ndarray:
        """Decode one pair."""
        dressed, naked = read_pair_in(*self.frames[number])
        return shrink(np.concatenate([dressed, naked[..., 3:]], axis=-1), self.side)


@dataclass(frozen=True)
class StreetPhotos:
    """Photos as (H, W, 7) uint8: RGB, what is known of a pixel, RGB without the person."""

    dataset: LabelledPhotos
    numbers: tuple[int, ...]
    side: int
    """Longer side at most, in pixels."""
    keypoints: CcpKeypoints | None = None
    """Where they are given, pixels on bones are known."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number: int) -> np.ndarray:
        """Decode one photo and paint its person over."""
        photo = self.dataset.read(self.numbers[number])
        labels = [photo.labels == self.dataset.label_id(name) for name in ("skin", "null")]
        layers = np.dstack([photo.image, *(layer * np.uint8(255) for layer in labels)])
        small = shrink(layers, self.side)
        image, skin, background = np.ascontiguousarray(small[..., :3]), small[..., 3], small[..., 4]
        known = np.full(skin.shape, UNKNOWN, np.uint8)
        # A pixel that mixes two labels is known to be neither.
        known[skin > 250] = SKIN
        known[background > 250] = BACKGROUND
        if self.keypoints is not None:
            pose = self.keypoints.pose(self.numbers[number], photo.labels.shape)
            known[bone_mask(pose, background > 0) & (known == UNKNOWN)] = BONE
        rng = sample_generator(0, self.numbers[number])
        return np.dstack([image, known, paint_over(image, background < 255, rng)])


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
    """(H, W) bool; of a photo, all that is known to be body and has a weight."""
    weight: np.ndarray
    """(H, W) float32; 0 where the truth is not known."""
    is_photo: bool

    def mirrored(self) -> "Scene":
        """Left and right exchanged."""
        image, confidence, dressed, naked, weight = (
            np.ascontiguousarray(layer[:, ::-1])
            for layer in (self.image, self.confidence, self.dressed, self.naked, self.weight)
        )
        return Scene(image, confidence, dressed, naked, weight, self.is_photo)


def photo_scene(
    photo: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation, data: DataRecipe
) -> Scene:
    """A part of a street photo.

    Args:
        photo: (H, W, 7), an item of `StreetPhotos`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: Strength of the augmentation.
        data: Weights of skin and bones.
    """
    source = (photo.shape[0], photo.shape[1])
    if rng.random() < settings.whole_probability:
        scale = side / max(source)
        height, width = (max(MINIMUM_SIDE, round(length * scale)) for length in source)
        size = (height, width)
        settings = dataclasses.replace(settings, least_window=0.85)
    else:
        size = picture_size(side, rng, settings)
    box = random_window(source, size, rng, settings)
    image = resized(photo[..., :3], size, box)
    known = resized_label(photo[..., 3], size, box)
    return known_scene(image, known, data.skin_weight, data.bone_weight)


def known_scene(
    image: np.ndarray, known: np.ndarray, skin_weight: float, bone_weight: float = 0.0
) -> Scene:
    """A photo whose truth is known at some pixels.

    Args:
        image: (H, W, 3) uint8.
        known: (H, W) of UNKNOWN, BACKGROUND, SKIN, BONE.
        skin_weight: Of a pixel of skin; one of background has 1.
        bone_weight: Of a pixel on a bone; 0 leaves bones unknown.
    """
    body = known == SKIN
    weight = (known == BACKGROUND).astype(np.float32)
    weight[body] = skin_weight
    if bone_weight:
        weight[known == BONE] = bone_weight
        body |= known == BONE
    return Scene(image, body.astype(np.float32), np.ones_like(body), body, weight, is_photo=True)


def empty_scene(
    photo: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation
) -> Scene:
    """A street whose person is painted over: the map is zero."""
    size = picture_size(side, rng, settings)
    box = random_window((photo.shape[0], photo.shape[1]), size, rng, settings)
    nobody = np.zeros(size, bool)
    return rendered_scene(resized(photo[..., 4:7], size, box), nobody, nobody)


def rendered_scene(image: np.ndarray, dressed: np.ndarray, naked: np.ndarray) -> Scene:
    """A picture whose silhouettes are known.

    Sigma is a share of the picture's own longer side, as in the evaluation.
    """
    confidence = np.zeros(dressed.shape, np.float32)
    person = dressed | naked
    if person.any():
        # The map is zero beyond the person, and the distance transform costs by the pixel.
        rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        confidence[part] = silhouette_confidence(
            naked[part], dressed[part], sigma_for((image.shape[0], image.shape[1]))
        )
    return Scene(
        image, confidence, dressed, naked, np.ones(dressed.shape, np.float32), is_photo=False
    )


def whole_scene(pair: np.ndarray) -> Scene:
    """A rendered picture as it was rendered.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
    """
    image = np.ascontiguousarray(pair[..., :3])
    return rendered_scene(image, alpha_mask(pair[..., 3]), alpha_mask(pair[..., 4]))


def own_background_scene(
    pair: np.ndarray, side: int, rng: np.random.Generator, settings: Augmentation
) -> Scene:
    """A part of a rendered picture, before its own background.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: Strength of the augmentation.
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

    The person's colours are moved towards the light of the street.

    Args:
        pair: (H, W, 5), an item of `RenderedPairs`.
        photo: (H, W, 7), an item of `StreetPhotos`.
        side: Longer side of the scene.
        rng: Of this sample.
        settings: Strength of the augmentation.
    """
    size = picture_size(side, rng, settings)
    window = random_window((photo.shape[0], photo.shape[1]), size, rng, settings)
    street = resized(photo[..., 4:7], size, window).astype(np.float32)
    box, (left, top, right, bottom) = person_window(pair[..., 3], size, rng, settings)
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
    """(3,) gains that move a person's mean colour part of the way to that of the background."""
    inside = cut[alpha_mask(cut[..., 3])][:, :3]
    if not len(inside):
        return np.ones(3, np.float32)
    wanted, found = behind.mean((0, 1)) + 8, inside.mean(0) + 8
    share = rng.uniform(0, 0.6)
    gains: np.ndarray = np.clip((wanted / found) ** share, 0.6, 1.6).astype(np.float32)
    return gains
