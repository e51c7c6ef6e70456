"""Samples of the generators: skeletons of consecutive frames, and the pictures of the last ones.

B batch, P pictures drawn together, T skeletons that the network sees, S side of the pictures.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from model.errors import InvalidInputError
from model.synthesis.drawn import windows
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.synthesis.frames import PersonFrames
from training.synthesis.recipe import DataRecipe

_ORDER, _CHANGES = 0, 1
"""What random numbers are for: the order of an epoch, or how a sample is changed."""


class SynthesisBatch(NamedTuple):
    """Samples; without the first axis, one sample."""

    points: Tensor
    """(B, P, T, 13, 2) float32, over the picture's side: what the network sees of each picture."""
    pictures: Tensor
    """(B, P, 3, S, S) float32 RGB in [0, 1]."""


class ClipFrames:
    """Frames of a split with what the network sees of them."""

    def __init__(
        self, frames: PersonFrames, chosen: np.ndarray, num_frames: int, num_pictures: int
    ) -> None:
        """Find the samples.

        Args:
            frames: All of a person.
            chosen: Indices of the split's frames, ascending.
            num_frames: T.
            num_pictures: P. A frame is a sample where the P - 1 before it are chosen too.

        Raises:
            InvalidInputError: There is no sample.
        """
        self._pictures = frames.pictures
        self._seen = torch.from_numpy(windows(frames.skeletons.points, num_frames))
        self._num_pictures = num_pictures
        among = set(chosen.tolist())
        self.ends = [
            frame
            for frame in chosen.tolist()
            if all(frame - before in among for before in range(num_pictures))
        ]
        if not self.ends:
            raise InvalidInputError(
                f"{frames.name} has no {num_pictures} consecutive frames in this split; a longer "
                "clip is needed"
            )

    def __len__(self) -> int:
        return len(self.ends)

    def sample(self, number: int, size: int | None = None) -> SynthesisBatch:
        """The pictures that end with frame `ends[number]`, reduced to a size where one is given."""
        end = self.ends[number] + 1
        start = end - self._num_pictures
        pictures = torch.from_numpy(self._pictures[start:end]).permute(0, 3, 1, 2)
        pictures = pictures.float() / 255
        if size is not None and size != pictures.shape[-1]:
            pictures = F.interpolate(pictures, (size, size), mode="area")
        return SynthesisBatch(self._seen[start:end], pictures)


class TrainingSamples(Dataset[SynthesisBatch]):
    """Every frame once in each epoch, in a new order."""

    def __init__(self, clip: ClipFrames, data: DataRecipe, seed: int) -> None:
        self.clip, self.data, self.seed = clip, data, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __getitem__(self, key: SampleKey) -> SynthesisBatch:
        epoch, place = divmod(key.index, len(self.clip))
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, epoch, _ORDER])
            self._epoch, self._order = epoch, rng.permutation(len(self.clip))
        sample = self.clip.sample(int(self._order[place]), key.image_size)
        return varied(sample, self.data, sample_generator(self.seed, key.index))


class HeldOutSamples(Dataset[SynthesisBatch]):
    """Frames as they are, in the order of time."""

    def __init__(self, clip: ClipFrames) -> None:
        self.clip = clip

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, number: int) -> SynthesisBatch:
        return self.clip.sample(number)


def varied(sample: SynthesisBatch, data: DataRecipe, rng: np.random.Generator) -> SynthesisBatch:
    """The sample moved aside, and its points with noise."""
    points, pictures = sample
    if data.shift:
        side = pictures.shape[-1]
        most = round(data.shift * side)
        right, down = rng.integers(-most, most + 1, 2).tolist()
        padded = F.pad(pictures, (most, most, most, most), mode="replicate")
        top, left = most - down, most - right
        pictures = padded[..., top : top + side, left : left + side]
        points = points + torch.tensor([right, down]) / side
    if data.jitter:
        noise = rng.normal(0, data.jitter, points.shape).astype(np.float32)
        points = points + torch.from_numpy(noise)
    return SynthesisBatch(points, pictures)
