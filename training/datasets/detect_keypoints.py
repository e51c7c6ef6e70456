"""Detects keypoints in the photos of Clothing Co-Parsing with MediaPipe, and stores them."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.errors import InvalidInputError
from training.arguments import output_file
from training.datasets.bones import check_bones
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import NOBODY, CcpKeypoints, Pose
from training.datasets.mediapipe_people import pose_landmarker

SAVE_EVERY = 50
"""Number of photos, about two seconds of work, that an interruption loses at most."""

Detector = Callable[[np.ndarray], Pose]
"""From (H, W, 3) uint8 RGB to the pose."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data keypoints`."""
    parser.add_argument(
        "--ccp", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="MediaPipe's pose_landmarker_full.task (also lite or heavy)",
    )
    parser.add_argument(
        "--out",
        type=output_file,
        default="ccp_keypoints.npz",
        metavar="FILE",
        help="output (%(default)s); photos that it already holds are skipped",
    )


def run(args: argparse.Namespace) -> int:
    """Detect the missing keypoints; compare the bones with the labels."""
    dataset = ClothingCoParsing.open(args.ccp)
    sha256 = hashlib.sha256(args.model.read_bytes()).hexdigest()
    keypoints = stored_or_empty(args.out, args.model.name, sha256)
    with mediapipe_detector(args.model) as detect:
        keypoints = detect_all(dataset, detect, keypoints, args.out)
    nobody = int(np.isnan(keypoints.landmarks[:, 0, 0]).sum())
    report = check_bones(dataset, keypoints, dataset.numbers)
    sys.stdout.write(
        f"wrote {args.out}: {len(keypoints.numbers)} photos, {nobody} without a person\n"
        f"{report.text()}train with them: --set data.keypoints={args.out}\n"
    )
    return 0


def stored_or_empty(path: Path, model: str, sha256: str) -> CcpKeypoints:
    """The keypoints that an earlier run has stored.

    Raises:
        InvalidInputError: The file is damaged, or was made with another landmarker.
    """
    if not path.exists():
        return CcpKeypoints.empty(model, sha256)
    stored = CcpKeypoints.load(path)
    if stored.model_sha256 != sha256:
        raise InvalidInputError(
            f"{path} was made with another {stored.model} (sha256 {stored.model_sha256[:12]}); "
            f"name another file, or delete it to begin anew with {model} ({sha256[:12]})"
        )
    return stored


def detect_all(
    dataset: ClothingCoParsing, detect: Detector, keypoints: CcpKeypoints, out: Path
) -> CcpKeypoints:
    """Add the keypoints of the missing photos, and save them from time to time.

    Args:
        dataset: The photos.
        detect: Detects the person in a picture.
        keypoints: Of the photos done before.
        out: The file to save to.
    """
    known = set(keypoints.numbers.tolist())
    missing = [number for number in dataset.numbers if number not in known]
    with tqdm(total=len(dataset.numbers), initial=len(known), unit="photo", desc="poses") as bar:
        for first in range(0, len(missing), SAVE_EVERY):
            portion = missing[first : first + SAVE_EVERY]
            sizes: list[tuple[int, int]] = []
            poses: list[Pose] = []
            for number in portion:
                image = dataset.read(number).image
                sizes.append((image.shape[0], image.shape[1]))
                poses.append(detect(image))
                bar.update()
            keypoints = keypoints.extended(portion, sizes, poses)
            keypoints.save(out)
    return keypoints


@contextmanager
def mediapipe_detector(path: Path) -> Iterator[Detector]:
    """MediaPipe's Pose Landmarker for single pictures and one person.

    Args:
        path: The landmarker's `.task` file.

    Raises:
        HabitusError: mediapipe is not installed, or refuses the file.
    """
    with pose_landmarker(path, num_poses=1) as look:

        def detect(image: np.ndarray) -> Pose:
            people = look(image).pose_landmarks
            if not people:
                return NOBODY
            points = np.array([(p.x, p.y, p.visibility) for p in people[0]], np.float32)
            return Pose(points[:, :2], np.clip(points[:, 2], 0, 1))

        yield detect
