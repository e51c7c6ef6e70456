"""Pairs as batches of sequences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.errors import InvalidInputError
from model.pose_depth.network import Poses
from model.pose_depth.poses import APART_S, normalised_keypoints
from model.pose_depth.view import camera_in_torso
from training.datasets.splits import Split
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.pose_depth.augmentation import Augmentation, Frames, mistake
from training.pose_depth.borrowing import borrow_errors
from training.pose_depth.library import Library
from training.pose_depth.pairs import PairSequence, read_pairs
from training.pose_depth.recipe import PoseDepthRecipe

VALIDATION_BATCH = 64


class PoseBatch(NamedTuple):
    """Sequences, filled up to one length; a sample is the same without the first axis."""

    joints: Tensor
    """(B, T, 17, 3) as they were found."""
    keypoints: Tensor
    """(B, T, 17, 2) normalised."""
    visibility: Tensor
    """(B, T, 17)"""
    seconds: Tensor
    """(B, T)"""
    present: Tensor
    """(B, T) bool."""
    truth: Tensor
    """(B, T, 17, 3)"""
    direction: Tensor
    """(B, T, 3) to the camera, in the frame of the true torso."""
    distance: Tensor
    """(B, T) of the camera, metres."""

    def poses(self) -> Poses:
        """What the network reads."""
        return Poses(self.joints, self.keypoints, self.visibility, self.seconds, self.present)


def read_split(folders: Sequence[Path], split: Split) -> list[PairSequence]:
    """The sequences of a split that have frames, folder by folder in the order of their names.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: The split has no pairs, or a file is damaged.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        read = [read_pairs(path) for path in sorted((folder / split).glob("*.npz"))]
        found += [pairs for pairs in read if len(pairs)]
    if not found:
        raise InvalidInputError(
            f"{', '.join(map(str, folders))} has no pairs of the {split} split; "
            "`python -m training data pose-pairs` makes some"
        )
    return found


class TrainingSamples(Dataset[PoseBatch]):
    """A random part of a random sequence for each key, augmented."""

    def __init__(
        self,
        sequences: Sequence[PairSequence],
        augmentation: Augmentation,
        length: int,
        seed: int,
        library: Library | None = None,
        borrowed: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            sequences: To draw from; each as often as it has frames.
            augmentation: What is changed.
            length: Of all samples, in frames.
            seed: Of the run.
            library: Of exact poses.
            borrowed: Share of samples that are such poses with the errors of a pair.
        """
        self._library, self._borrowed = library, borrowed
        self._sequences = list(sequences)
        self._ends = np.cumsum([len(pairs) for pairs in sequences])
        self._augmentation, self._length, self._seed = augmentation, length, seed

    def __getitem__(self, key: SampleKey) -> PoseBatch:
        """One sample without a batch axis."""
        rng = sample_generator(self._seed, key.index)
        pairs = self._draw(rng)
        first = int(rng.integers(max(1, len(pairs) - self._length + 1)))
        pairs = pairs.part(slice(first, first + self._length))
        frames, seconds = Frames.of(pairs), pairs.seconds
        if self._library is not None and rng.random() < self._borrowed:
            number = int(rng.integers(len(self._library.joints)))
            joints = self._library.joints[number, : len(pairs)]
            frames = borrow_errors(rng, joints, pairs)
            seconds = self._library.seconds[number, : len(pairs)]
        frames = self._augmentation.apply(rng, frames)
        alone = bool(rng.random() < self._augmentation.alone)
        if not alone and len(pairs) > 2 and rng.random() < self._augmentation.mistaken:
            other = Frames.of(self._draw(rng))
            frames = mistake(frames, other, int(rng.integers(len(pairs))))
        return sample_of(frames, seconds, self._length, alone)

    def _draw(self, rng: np.random.Generator) -> PairSequence:
        """A sequence, each as often as it has frames."""
        frame = int(rng.integers(self._ends[-1]))
        return self._sequences[int(np.searchsorted(self._ends, frame, "right"))]


def sample_of(frames: Frames, seconds: np.ndarray, length: int, alone: bool) -> PoseBatch:
    """Tensors without a batch axis.

    Args:
        frames: At most `length`.
        seconds: Time of each.
        length: Frames are filled up to so many.
        alone: The frames know nothing of each other.
    """
    num = len(frames.joints)
    times = APART_S * np.arange(num) if alone else seconds - seconds[0]
    joints, truth, keypoints, visibility, camera = (torch.from_numpy(part) for part in frames)
    direction = camera_in_torso(truth, camera)
    found = (
        joints,
        normalised_keypoints(keypoints),
        visibility,
        torch.from_numpy(times.astype(np.float32)),
        torch.ones(num, dtype=torch.bool),
        truth,
        direction,
        camera.norm(dim=-1),
    )
    return PoseBatch(*(_filled(tensor, length) for tensor in found))


def _filled(tensor: Tensor, length: int) -> Tensor:
    filled = tensor.new_zeros(length, *tensor.shape[1:])
    filled[: len(tensor)] = tensor
    return filled


def whole_batches(sequences: Sequence[PairSequence], alone: bool) -> Iterator[PoseBatch]:
    """All sequences as they are, some at a time."""
    for first in range(0, len(sequences), VALIDATION_BATCH):
        some = sequences[first : first + VALIDATION_BATCH]
        length = max(map(len, some))
        samples = [sample_of(Frames.of(p), p.seconds, length, alone) for p in some]
        yield PoseBatch(*(torch.stack(tensors) for tensors in zip(*samples, strict=True)))


def training_samples(recipe: PoseDepthRecipe) -> TrainingSamples:
    """Of a recipe.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: It holds no pairs to learn from, or a file is damaged.
    """
    sequences = read_split([Path(folder) for folder in recipe.pairs], "training")
    library = None if recipe.library is None else Library.read(Path(recipe.library))
    settings = (recipe.augmentation, recipe.max_frames, recipe.seed)
    return TrainingSamples(sequences, *settings, library, recipe.borrowed)
