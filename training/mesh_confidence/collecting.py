"""Rows of disagreements and true errors, from people whose joints are known.

P people of a part, J = 14 joints.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.mesh_confidence.features import aligned_distances, crop_of
from model.mesh_confidence.joints import to_joints
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.engine.atomic import replacing
from training.engine.seeding import sample_generator
from training.mesh_confidence.data import MeshErrors, read_errors, save_errors
from training.mesh_confidence.occlusion import Occluder
from training.mesh_confidence.our_reconstruction import OurReconstruction, Reconstructed
from training.mesh_confidence.person_crop import CROP_SIDE

PART_SIZE = 64
"""People between two states that an interrupted command goes on from."""


@dataclass(frozen=True)
class Collected:
    """The rows of a part, plain and occluded; row n of both shows the same person."""

    plain: MeshErrors
    occluded: MeshErrors


@dataclass(frozen=True)
class Collector:
    """Makes rows of one dataset."""

    photos: JointPhotos
    ours: OurReconstruction
    occluder: Occluder
    """Its size is that in a crop of 224 pixels around the person."""
    seed: int
    batch_size: int

    def collect(self, folder: Path) -> Collected:
        """The rows of all parts; those that are on the disk are not made again.

        Args:
            folder: Of the parts.

        Raises:
            InvalidInputError: A photo or a part cannot be read.
            StorageError: The disk is full.
        """
        sequences = self.photos.sequence_numbers()
        parts: list[tuple[MeshErrors, MeshErrors]] = []
        starts = range(0, len(self.photos), PART_SIZE)
        with tqdm(total=len(self.photos), desc="reconstructing", unit="person") as bar:
            for start in starts:
                numbers = range(start, min(start + PART_SIZE, len(self.photos)))
                paths = [folder / f"{start:07d}-{kind}.npz" for kind in ("plain", "occluded")]
                # The occluded file is the last one that is written.
                if not paths[1].exists():
                    self._make(numbers, sequences, paths)
                bar.update(len(numbers))
                if all(path.stat().st_size for path in paths):
                    parts.append((read_errors(paths[0]), read_errors(paths[1])))
        if not parts:
            return Collected(*(nothing() for _ in range(2)))
        plain, occluded = zip(*parts, strict=True)
        return Collected(MeshErrors.joined(list(plain)), MeshErrors.joined(list(occluded)))

    def _make(self, numbers: range, sequences: np.ndarray, paths: Sequence[Path]) -> None:
        rows: tuple[list[MeshErrors], list[MeshErrors]] = ([], [])
        for number, joint, found in self._pairs(numbers):
            photo = self.photos[number]
            for kind, one, hidden in zip(rows, found, (-1, joint), strict=True):
                kind.append(row_of(self.ours, photo, one, int(sequences[number]), hidden))
        for path, kind in zip(paths, rows, strict=True):
            with replacing(path) as temporary:
                if kind:
                    save_errors(temporary, MeshErrors.joined(kind))

    def _pairs(
        self, numbers: range
    ) -> Iterator[tuple[int, int, tuple[Reconstructed, Reconstructed]]]:
        """People who are found without and with the occluder, and the joint under it."""
        for start in range(numbers.start, numbers.stop, self.batch_size):
            chosen = [
                number
                for number in range(start, min(start + self.batch_size, numbers.stop))
                if (self.photos[number].points[:, 2] > 0).all()
            ]
            if not chosen:
                continue
            photos = [self.photos[number] for number in chosen]
            images = [photo.image for photo in photos]
            hidden, joints = [], []
            for number, photo, image in zip(chosen, photos, images, strict=True):
                joint = int(sample_generator(self.seed, number).integers(14))
                joints.append(joint)
                hidden.append(hide(image, photo, joint, self.occluder))
            points = [photo.points for photo in photos]
            plain, occluded = self.ours(images, points), self.ours(hidden, points)
            for number, joint, one, other in zip(chosen, joints, plain, occluded, strict=True):
                if one is not None and other is not None:
                    yield number, joint, (one, other)


def hide(image: np.ndarray, photo: JointPhoto, joint: int, occluder: Occluder) -> np.ndarray:
    """A copy of a photo with the occluder on a true joint, as large as in the person's crop.

    Args:
        image: Of the photo.
        photo: The person.
        joint: Of the 14.
        occluder: Its size is that in a crop of 224 pixels.
    """
    joints = to_joints(photo.points[None], photo.key)[0]
    side = float(crop_of(joints[:, :2])[2])
    size = max(1, round(occluder.size * side / CROP_SIDE))
    scaled = Occluder(size, occluder.stride, occluder.colour)
    return scaled.on(image, joints[joint, :2])


def row_of(
    ours: OurReconstruction,
    photo: JointPhoto,
    found: Reconstructed,
    sequence: int,
    hidden: int,
) -> MeshErrors:
    """One row: what the mesh is judged by, and the true error of each joint.

    Args:
        ours: That made the mesh.
        photo: The person.
        found: The mesh.
        sequence: Number of the person or video.
        hidden: The joint under the occluder, or -1.
    """
    mesh = ours.points(found.body, len(photo.points))
    joints = to_joints(mesh[None].astype(np.float32), photo.key)[0]
    truth = to_joints(photo.points[None], photo.key)[0, :, :2]
    half = float(crop_of(found.observation.projected)[2]) / 2
    errors = aligned_distances(joints, truth, half).astype(np.float32)
    features = found.observation.features()
    return MeshErrors(
        features[None], errors[None], np.array([sequence]), np.array([hidden], np.int64)
    )


def nothing() -> MeshErrors:
    """No row."""
    return MeshErrors(
        np.zeros((0, 14, 5), np.float32),
        np.zeros((0, 14), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
    )
