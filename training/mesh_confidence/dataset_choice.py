"""The datasets of people with known joints, by the names of the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.h36m import open_h36m
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.datasets.oh3d import open_oh3d
from training.datasets.pw3d import open_pw3d


def open_ccp_people(root: Path) -> JointPhotos:
    """The labelled photos of Clothing Co-Parsing with the stored landmarks of MediaPipe.

    They are estimates, not truth: enough to put an occluder on a joint.

    Raises:
        FileNotFoundError: The folder does not exist.
        InvalidInputError: It holds none of the photos whose landmarks are stored.
    """
    dataset = ClothingCoParsing.open(root)
    stored = CcpKeypoints.load(STORED)
    places = {int(number): row for row, number in enumerate(stored.numbers)}
    photos = []
    for number in dataset.numbers:
        if (row := places.get(number)) is None or not np.isfinite(stored.landmarks[row]).all():
            continue
        height, width = stored.sizes[row].tolist()
        points = stored.landmarks[row] * np.array([width, height], np.float32)
        columns = np.column_stack([points, stored.visibility[row] > 0.5]).astype(np.float32)
        name = f"{number:04d}"
        photos.append(JointPhoto(dataset.photo_path(number), columns, name, name))
    if not photos:
        raise InvalidInputError(f"{root} holds no photo whose landmarks are stored")
    return JointPhotos("ccp", photos)


DATASETS: dict[str, Callable[[Path], JointPhotos]] = {
    "3dpw": open_pw3d,
    "3doh": open_oh3d,
    "h36m": open_h36m,
    "ccp": open_ccp_people,
}
TRUE_DATASETS = ("3dpw", "3doh", "h36m")
"""Those whose joints are measured, not estimated."""


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of a dataset."""
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="folder of the dataset, in its own layout"
    )


def open_dataset(args: argparse.Namespace) -> JointPhotos:
    """The dataset of --dataset and --root.

    Raises:
        InvalidInputError: --root is not given, or the dataset cannot be read.
        FileNotFoundError: Its folder is not there.
    """
    if args.root is None:
        raise InvalidInputError(f"--dataset {args.dataset} needs --root, the folder that it is in")
    return DATASETS[args.dataset](args.root)
