"""Pictures for evaluation, which training has not seen.

H W a picture's size.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from model.body.measurements import DENSITY
from model.errors import InvalidInputError
from model.silhouette.confidence import silhouette_mask
from training.datasets.ccp import CcpPhoto
from training.datasets.ccp_kaggle import LabelledPhotos
from training.datasets.people import PersonPhoto, PersonPhotos
from training.datasets.shader import ShaderSubject, iter_subjects, picture_path, read_pair
from training.datasets.shader_truth import read_truth, truth_path
from training.datasets.splits import TEST_SEED, Split, subject_split
from training.synthetic.scene import Synthesizer
from training.synthetic.stream import generator_digest


class RenderedPicture(NamedTuple):
    """A rendered picture with its silhouettes."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    dressed: np.ndarray
    """(H, W) bool."""
    naked: np.ndarray
    """(H, W) bool."""
    azimuth_deg: float | None
    """How far the person is turned away from the camera; None without ground truth."""
    bmi: float | None
    """Body mass index in kg/m^2; known of people who are rendered during evaluation."""


class RenderedFolders:
    """Frames of folders in the SHADER layout."""

    def __init__(self, folders: Sequence[Path], fraction: float | None, split: Split) -> None:
        """List the frames of the subjects of a split.

        Args:
            folders: In the SHADER layout.
            fraction: Share of subjects that training did not use; None for folders that it did not
                use, of which all subjects are taken.
            split: Of the subjects.

        Raises:
            FileNotFoundError: A folder does not exist.
            InvalidInputError: There is no frame of the split.
        """
        self._frames: tuple[tuple[Path, ShaderSubject, int], ...] = tuple(
            (folder, subject, frame)
            for folder in folders
            for subject in iter_subjects(folder)
            if fraction is None or subject_split(subject.key, fraction) == split
            for frame in subject.frames
        )
        if not self._frames:
            raise InvalidInputError(
                f"no {split} subject in {', '.join(map(str, folders))}; --all-subjects takes "
                "every subject"
            )
        # The frames of a subject come one after the other and share their ground truth.
        self._azimuths = functools.lru_cache(maxsize=8)(_azimuths)

    def __len__(self) -> int:
        return len(self._frames)

    def key(self, index: int) -> str:
        """Folder, batch, subject, frame."""
        folder, subject, frame = self._frames[index]
        return f"{folder.as_posix()}/{subject.key}/{frame}"

    def stamp(self, index: int) -> str:
        """Sizes and modification times of both files."""
        _, subject, frame = self._frames[index]
        return file_stamp(*(picture_path(subject.folder, k, frame) for k in ("dressed", "naked")))

    def __getitem__(self, index: int) -> RenderedPicture:
        """Decode one frame.

        Raises:
            FileNotFoundError: It no longer exists.
            InvalidInputError: It cannot be read.
            AssetError: The subject's ground truth is damaged.
        """
        _, subject, frame = self._frames[index]
        dressed, naked = read_pair(subject.folder, frame)
        azimuths = self._azimuths(subject)
        return RenderedPicture(
            np.ascontiguousarray(dressed[..., :3]),
            silhouette_mask(dressed),
            silhouette_mask(naked),
            azimuths[frame] if frame < len(azimuths) else None,
            None,
        )


def _azimuths(subject: ShaderSubject) -> tuple[float, ...]:
    """Azimuths of every frame of a subject; empty without ground truth."""
    if truth_path(subject) is None:
        return ()
    return tuple(azimuth_deg(pose[:3]) for pose in read_truth(subject).poses)


@dataclass(frozen=True)
class SyntheticSettings:
    """Settings of people who are rendered during evaluation."""

    num_subjects: int = 200
    """Number of people, half of each gender."""
    num_frames: int = 5
    """Number of pictures of each person."""
    size: int = 256
    """Side of the pictures in pixels."""
    seed: int = TEST_SEED


class SyntheticPeople:
    """People rendered during evaluation; nothing is written to disk."""

    def __init__(self, settings: SyntheticSettings) -> None:
        self._settings = settings
        self._code = generator_digest()
        # Built with the first picture: resuming a complete evaluation needs no renderer.
        self._synthesizer = functools.cache(lambda: Synthesizer(settings.seed))
        # The frames of a subject come one after the other; making the subject takes most time.
        self._subject = functools.lru_cache(maxsize=1)(lambda n: self._synthesizer().subject(n))

    def __len__(self) -> int:
        return self._settings.num_subjects * self._settings.num_frames

    def key(self, index: int) -> str:
        """Seed, size, subject, frame."""
        subject, frame = divmod(index, self._settings.num_frames)
        return f"synthetic/{self._settings.seed}/{self._settings.size}/{subject}/{frame}"

    def stamp(self, index: int) -> str:  # noqa: ARG002  (the same for all)
        """Digest of the rendering code."""
        return self._code

    def __getitem__(self, index: int) -> RenderedPicture:
        """Render one picture."""
        number = divmod(index, self._settings.num_frames)
        side = self._settings.size
        subject = self._subject(number[0])
        frame = self._synthesizer().frame(subject, number, (side, side))
        return RenderedPicture(
            np.ascontiguousarray(frame.dressed[..., :3]),
            silhouette_mask(frame.dressed),
            silhouette_mask(frame.naked),
            azimuth_deg(frame.pose[:3]),
            body_mass_index(subject.body.surface, subject.faces[: subject.num_body_faces]),
        )


class LabelledStreetPhotos:
    """Photos of a split of Clothing Co-Parsing, or of several."""

    def __init__(self, dataset: LabelledPhotos, *splits: Split) -> None:
        """List those of the splits.

        Raises:
            InvalidInputError: The splits have none.
        """
        self.dataset = dataset
        self.numbers = tuple(sorted(n for split in splits for n in dataset.numbers_of(split)))
        if not self.numbers:
            raise InvalidInputError(f"no {' or '.join(splits)} photo in {dataset.root}")

    def __len__(self) -> int:
        return len(self.numbers)

    def key(self, index: int) -> str:
        """The photo's number."""
        return f"ccp/{self.numbers[index]:04d}"

    def stamp(self, index: int) -> str:
        """Sizes and modification times of the photo and its labels."""
        number = self.numbers[index]
        return file_stamp(self.dataset.photo_path(number), self.dataset.labels_path(number))

    def __getitem__(self, index: int) -> CcpPhoto:
        """Decode one photo and its labels."""
        return self.dataset.read(self.numbers[index])


class PhotosWithMasks:
    """Photos of people with masks, none of which was used for training."""

    def __init__(self, photos: PersonPhotos) -> None:
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos.names)

    def key(self, index: int) -> str:
        """The photo's name."""
        return f"people/{self._photos.names[index]}"

    def stamp(self, index: int) -> str:
        """Sizes and modification times of the photo and its mask."""
        return file_stamp(*self._photos.paths(self._photos.names[index]))

    def __getitem__(self, index: int) -> PersonPhoto:
        """Decode one photo and its mask."""
        return self._photos.read(self._photos.names[index])


def file_stamp(*paths: Path) -> str:
    """Sizes and modification times of files."""
    found = [path.stat() for path in paths]
    return " ".join(f"{stat.st_size}-{stat.st_mtime_ns}" for stat in found)


def body_mass_index(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Mass over the square of the stature, in kg/m^2.

    Args:
        vertices: (V, 3) of a closed body that stands upright, in metres, Y up.
        faces: (F, 3) triangles.
    """
    a, b, c = vertices[faces].astype(np.float64).swapaxes(0, 1)
    volume = abs(float((np.cross(a, b) * c).sum())) / 6
    return DENSITY * volume / float(np.ptp(vertices[:, 1])) ** 2


def azimuth_deg(orientation: np.ndarray) -> float:
    """How far a person is turned away from the camera: 0 for the front, 180 for the back.

    It is the angle about the vertical between the person's front (+Z of SMPL's body, rotated by the
    global orientation) and the camera, which looks along -Z with Y up. This is the camera of `data
    synth`; SHADER does not state its camera.

    Args:
        orientation: (3,) axis-angle, the first joint of `poses`.
    """
    facing = Rotation.from_rotvec(orientation).apply([0.0, 0.0, 1.0])
    return float(abs(np.degrees(np.arctan2(facing[0], facing[2]))))
