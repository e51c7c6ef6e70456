"""python -m training data reconstruction: what the silhouette network finds in rendered people.

The regressor learns from the maps, boxes and keypoints of the network that serves, with all their
errors, and not from perfect ones. A picture in which the network finds nobody where the person is
is left out and counted. A stopped command goes on where it was.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from model.body.asset import load_asset
from model.body.predictor import BodyPredictor
from model.checkpoint import load_header
from model.errors import InvalidInputError
from model.silhouette.confidence import silhouette_mask
from model.silhouette.people import Person, box_iou
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor
from training.arguments import at_least, device, output_folder
from training.datasets.shader import ShaderSubject, iter_subjects, read_pair
from training.datasets.shader_truth import ShaderTruth, read_truth
from training.engine.precision import pick_device
from training.reconstruction.baselines import HEIGHT, MASS, t_pose
from training.reconstruction.origins import origins
from training.reconstruction.regressor_file import KEYPOINTS_FILE, write_keypoints
from training.reconstruction.stored_people import (
    PART_SIZE,
    Part,
    PictureName,
    StoredPeople,
    StoredPerson,
    claim,
    part_path,
    write_part,
)
from training.reconstruction.storing import stored
from training.synthetic.export import DEFAULT_ASSET

FORMAT = 1
"""Raised when the same settings would give other numbers."""
SAME_PERSON = 0.3
"""Least IoU of a found box with the box of the dressed silhouette."""


class LooksForPeople(Protocol):
    """What `SilhouettePredictor` does."""

    def predict_batch(self, images: Sequence[np.ndarray], /) -> Sequence[SilhouetteConfidence]:
        """Maps and people."""


class Picture(NamedTuple):
    """One frame to look at."""

    folder: Path
    subject: ShaderSubject
    frame: int

    @property
    def name(self) -> PictureName:
        """As it is stored."""
        return PictureName(self.folder.as_posix(), self.subject.key, self.frame)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders that `data synth` rendered",
    )
    add(
        "--silhouette",
        type=Path,
        default=Path("checkpoints/silhouette.safetensors"),
        metavar="FILE",
        help="silhouette checkpoint that looks for people (%(default)s)",
    )
    add("--out", type=output_folder, required=True, metavar="DIR", help="folder to write to")
    add(
        "--side",
        type=at_least(32),
        default=192,
        metavar="PIXELS",
        help="longer side of the stored pictures; larger ones are made smaller (%(default)s)",
    )
    add("--body", type=Path, default=DEFAULT_ASSET, help="asset that the betas belong to")
    add("--batch-size", type=at_least(1), default=16, metavar="N", help="(%(default)s)")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Look at what has not been looked at yet."""
    predictor = SilhouettePredictor.from_checkpoint(args.silhouette, pick_device(args.device))
    if not predictor.finds_people:
        raise InvalidInputError(
            f"{args.silhouette} does not look for people; boxes and keypoints are needed"
        )
    pictures = list_pictures(args.data)
    settings = {
        "format": FORMAT,
        "silhouette": load_header(args.silhouette).sha256,
        "body": load_header(args.body).sha256,
        "pictures": digest(pictures),
        "side": args.side,
        "num_parts": num_parts(pictures),
        **origins(args.data),
    }
    claim(args.out, settings)
    body = BodyPredictor.from_checkpoint(args.body)
    if not (args.out / KEYPOINTS_FILE).exists():
        write_keypoints(args.out, load_asset(args.body)[1])
    kept, missed = prepare(args.out, pictures, predictor, body, args.side, args.batch_size)
    print(
        f"{args.out}: {kept:,} pictures of {len({p.subject.folder for p in pictures}):,} subjects; "
        f"the network missed the person in {missed:,} more, which are left out"
    )
    return 0


def list_pictures(folders: Sequence[Path]) -> list[Picture]:
    """Every frame of every subject.

    Raises:
        FileNotFoundError: A folder does not exist.
        InvalidInputError: One is not in the SHADER layout, or there is no frame.
    """
    found = [
        Picture(folder, subject, frame)
        for folder in folders
        for subject in iter_subjects(folder)
        for frame in subject.frames
    ]
    if not found:
        raise InvalidInputError(f"no frame in {', '.join(map(str, folders))}")
    return found


def num_parts(pictures: Sequence[Picture]) -> int:
    """How many files hold them."""
    return -(-len(pictures) // PART_SIZE)


def digest(pictures: Sequence[Picture]) -> str:
    """Changes when other pictures are listed, or they are listed in another order."""
    names = json.dumps([picture.name for picture in pictures])
    return hashlib.sha256(names.encode()).hexdigest()


def prepare(
    out: Path,
    pictures: Sequence[Picture],
    predictor: LooksForPeople,
    body: BodyPredictor,
    side: int,
    batch_size: int,
) -> tuple[int, int]:
    """Write the parts that are missing.

    Args:
        out: The claimed folder.
        pictures: All, in order.
        predictor: Looks for people.
        body: That the betas belong to.
        side: Most pixels of the longer side of a stored picture.
        batch_size: Pictures that the network is given at a time.

    Returns:
        How many pictures all parts hold, and in how many the network missed the person.

    Raises:
        InvalidInputError: Pictures have different sizes, or cannot be read.
        AssetError: A ground truth is damaged, or is not one of `data synth`.
        StorageError: The disk is full.
    """
    subject_truth = lru_cache(maxsize=4)(partial(_measured_truth, body))
    starts = range(0, len(pictures), PART_SIZE)
    with tqdm(total=len(pictures), desc="looking for people", unit="picture") as bar:
        for number, start in enumerate(starts):
            of_part = pictures[start : start + PART_SIZE]
            if part_path(out, number).exists():
                bar.update(len(of_part))
                continue
            people: list[StoredPerson] = []
            names: list[PictureName] = []
            missed: list[PictureName] = []
            for picture, person in _looked_at(of_part, predictor, subject_truth, side, batch_size):
                if person is None:
                    missed.append(picture.name)
                else:
                    people.append(person)
                    names.append(picture.name)
                bar.update()
            write_part(out, number, Part(people, names, missed))
    stored = StoredPeople.open([out])
    return len(stored), stored.num_missed


def _measured_truth(body: BodyPredictor, subject: ShaderSubject) -> tuple[ShaderTruth, np.ndarray]:
    """A subject's truth, and (2,) float32 height and mass."""
    truth = read_truth(subject)
    measured = t_pose(body, truth.betas).measured[[HEIGHT, MASS]]
    return truth, measured.astype(np.float32)


def _looked_at(
    pictures: Sequence[Picture],
    predictor: LooksForPeople,
    subject_truth: Callable[[ShaderSubject], tuple[ShaderTruth, np.ndarray]],
    side: int,
    batch_size: int,
) -> Iterator[tuple[Picture, StoredPerson | None]]:
    for start in range(0, len(pictures), batch_size):
        batch = pictures[start : start + batch_size]
        pairs = [read_pair(picture.subject.folder, picture.frame) for picture in batch]
        results = predictor.predict_batch(
            [np.ascontiguousarray(dressed[..., :3]) for dressed, _ in pairs]
        )
        for picture, (dressed, naked), result in zip(batch, pairs, results, strict=True):
            assert result.people is not None
            masks = silhouette_mask(dressed), silhouette_mask(naked)
            person = matching(result.people, masks[0])
            if person is None or not masks[1].any():
                yield picture, None
                continue
            truth, stature = subject_truth(picture.subject)
            yield (
                picture,
                stored(
                    dressed[..., :3],
                    result.confidence,
                    masks,
                    person,
                    (truth, picture.frame, stature),
                    side,
                ),
            )


def matching(people: Sequence[Person], silhouette: np.ndarray) -> Person | None:
    """The found person whose box is that of the silhouette; None if there is none.

    Args:
        people: Found in the picture.
        silhouette: (H, W) bool.
    """
    if not silhouette.any():
        return None
    columns, rows = (np.flatnonzero(silhouette.any(axis)) for axis in (0, 1))
    true_box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    best = max(people, key=lambda person: box_iou(person.box, true_box), default=None)
    return best if best is not None and box_iou(best.box, true_box) >= SAME_PERSON else None
