"""Samples of the regressor: what the silhouette network found in rendered people, and the truth.

B batch, C input channels, S side of the crops, K keypoints, N betas, J joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.utils.data import Dataset

from model.errors import InvalidInputError
from model.reconstruction.decode import Cameras
from model.reconstruction.inputs import PersonView, preprocess
from model.reconstruction.network import NetworkInput, ReconstructionConfig
from model.reconstruction.observations import cameras_of
from training.datasets.packed import evenly_spaced
from training.datasets.photometry import vary
from training.datasets.splits import Split
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.reconstruction.augmentation import cut, jittered, mirrored, noisy
from training.reconstruction.recipe import DataRecipe, ReconstructionRecipe
from training.reconstruction.stored_people import (
    DRESSED,
    MAP,
    NAKED,
    RGB,
    StoredPeople,
    StoredPerson,
    of_split,
)


class ReconstructionBatch(NamedTuple):
    """A batch of samples, or one sample without the first axis."""

    images: Tensor
    """(B, C, S, S), as the next three in `NetworkInput`."""
    keypoints: Tensor
    """(B, K, 3)"""
    known: Tensor
    """(B, 4)"""
    view: Tensor
    """(B, 3)"""
    betas: Tensor
    """(B, N) the truth."""
    rotations: Tensor
    """(B, J, 3, 3) of the joints relative to their parents, Y up."""
    pelvis: Tensor
    """(B, 3) in the camera's axes, in metres."""
    true_focal: Tensor
    """(B,) of the camera, in pixels of the stored picture."""
    focal: Tensor
    """(B,) that is assumed where none is given, likewise; as the next three in `Cameras`."""
    centre: Tensor
    """(B, 2)"""
    crop_centre: Tensor
    """(B, 2)"""
    crop_side: Tensor
    """(B,)"""

    @property
    def inputs(self) -> NetworkInput:
        """What the network sees."""
        return NetworkInput(self.images, self.keypoints, self.known, self.view)

    @property
    def cameras(self) -> Cameras:
        """As they are assumed."""
        return Cameras(self.focal, self.centre, self.crop_centre, self.crop_side)

    @property
    def true_cameras(self) -> Cameras:
        """As they were."""
        return Cameras(self.true_focal, self.centre, self.crop_centre, self.crop_side)


def view_of(
    person: StoredPerson,
    config: ReconstructionConfig,
    height_known: bool = False,
    weight_known: bool = False,
) -> PersonView:
    """The person as the network of a configuration is given them.

    Args:
        person: As stored.
        config: Of the network. `dressed` and `body` take the true silhouette; `body` takes the
            true keypoints too, for it stands for a perfect silhouette network.
        height_known: Whether the true height is given.
        weight_known: Likewise.
    """
    layers = person.layers
    silhouette = {"dressed": DRESSED, "body": NAKED}.get(config.inputs)
    return PersonView(
        image=np.ascontiguousarray(layers[..., RGB]),
        box=person.box,
        keypoints=person.keypoints if config.inputs == "body" else person.found,
        confidence=_plane(layers, MAP),
        silhouette=None if silhouette is None else _plane(layers, silhouette),
        height_m=float(person.stature[0]) if height_known else None,
        weight_kg=float(person.stature[1]) if weight_known else None,
    )


def _plane(layers: np.ndarray, place: int) -> np.ndarray:
    plane: np.ndarray = layers[..., place].astype(np.float32) / np.float32(255)
    return plane


def to_sample(
    person: StoredPerson,
    config: ReconstructionConfig,
    size: int,
    height_known: bool = False,
    weight_known: bool = False,
) -> ReconstructionBatch:
    """Through the predictor's own preprocessing, with the truth beside it.

    Args:
        person: As stored, or changed at random.
        config: Of the network.
        size: Side of the crop, in pixels.
        height_known: Whether the true height is an input.
        weight_known: Likewise.
    """
    view = view_of(person, config, height_known, weight_known)
    inputs, crop = preprocess(view, config, size)
    cameras = cameras_of([view], [crop], config)
    rotations = Rotation.from_rotvec(person.pose).as_matrix()
    return ReconstructionBatch(
        images=inputs.images[0],
        keypoints=inputs.keypoints[0],
        known=inputs.known[0],
        view=inputs.view[0],
        betas=torch.from_numpy(person.betas.copy()),
        rotations=torch.from_numpy(rotations).float(),
        pelvis=torch.from_numpy(person.joints[0] * np.array([1, -1, -1], np.float32)),
        true_focal=torch.tensor(float(person.focal[0])),
        focal=cameras.focal[0],
        centre=cameras.centre[0],
        crop_centre=cameras.crop_centre[0],
        crop_side=cameras.crop_side[0],
    )


@dataclass(frozen=True)
class TrainingSamples(Dataset[ReconstructionBatch]):
    """A sample for every key; the key and the recipe's seed decide everything about it."""

    recipe: ReconstructionRecipe
    people: StoredPeople

    def __getitem__(self, key: SampleKey) -> ReconstructionBatch:
        """Choose a person and change the picture at random."""
        recipe, settings = self.recipe, self.recipe.augmentation
        rng = sample_generator(recipe.seed, key.index)
        person = self.people[int(rng.integers(len(self.people)))]
        if rng.random() < settings.mirrored_fraction:
            person = mirrored(person)
        if rng.random() < settings.cut_fraction:
            person = cut(person, rng, settings.most_cut)
        person = noisy(jittered(person, rng, settings), rng, settings)
        if rng.random() < settings.varied_fraction:
            layers = person.layers.copy()
            image = np.ascontiguousarray(layers[..., RGB])
            layers[..., RGB] = vary(image, rng, recipe.colours)
            person = person._replace(layers=layers)
        height_known = bool(rng.random() < recipe.height_known_fraction)
        weight_known = bool(rng.random() < recipe.weight_known_fraction)
        return to_sample(person, recipe.network, key.image_size, height_known, weight_known)


@dataclass(frozen=True)
class ValidationSamples(Dataset[ReconstructionBatch]):
    """Held-out pictures, unchanged."""

    people: StoredPeople
    numbers: Sequence[int]
    config: ReconstructionConfig
    size: int

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> ReconstructionBatch:
        """By place in `numbers`."""
        return to_sample(self.people[self.numbers[index]], self.config, self.size)


def load_people(recipe: DataRecipe, split: Split) -> StoredPeople:
    """The pictures of a split's subjects.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: No folder is named, one is not complete, they were looked at by
            different networks, or there is no picture.
    """
    if not recipe.people:
        raise InvalidInputError("no prepared people: name their folder by --people or data.people")
    folders = [Path(folder) for folder in recipe.people]
    people = StoredPeople.open(folders, of_split(split, recipe.validation_fraction))
    if not len(people):
        raise InvalidInputError(f"no {split} subject in {', '.join(recipe.people)}")
    return people


def validation_samples(recipe: ReconstructionRecipe) -> ValidationSamples:
    """What chooses the best step: at most `max_validation` pictures.

    Raises:
        FileNotFoundError: As `load_people`.
        InvalidInputError: As `load_people`.
    """
    people = load_people(recipe.data, "validation")
    numbers = evenly_spaced(range(len(people)), recipe.data.max_validation)
    return ValidationSamples(people, numbers, recipe.network, recipe.stages[-1].image_size)
