"""Makes the rows that a judge of meshes learns from, with our own reconstruction.

    OUT/train.npz, OUT/train_occluded.npz    or test.npz, test_occluded.npz
    OUT/parts/                               what an interrupted command goes on from

Each person is reconstructed in the photo as it is, and with a square of 40 pixels (of a crop of
224) on a random joint. The features are what the mesh is judged by; the errors are distances to the
true joints. People who are not found in both photos are left out and counted.

People come from folders that `data synth` rendered, or from 3DPW, 3DOH50K or Human3.6M in their own
layouts. Rows made from the latter, and weights learned from them, are under their licences:
non-commercial research only.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from model.checkpoint import load_header
from model.errors import InvalidInputError
from training.arguments import at_least, device, output_folder
from training.datasets.joint_photos import JointPhotos
from training.datasets.packed import evenly_spaced
from training.datasets.rendered_joints import open_rendered
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.mesh_confidence.collecting import Collector
from training.mesh_confidence.data import save_errors
from training.mesh_confidence.dataset_choice import TRUE_DATASETS, add_root, open_dataset
from training.mesh_confidence.occlusion import Occluder
from training.mesh_confidence.our_reconstruction import REGRESSOR, SILHOUETTE, OurReconstruction

FORMAT = 1
"""Raised when the same settings would give other rows."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data mesh_confidence`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--rendered", type=Path, nargs="+", metavar="DIR", help="folders that `data synth` wrote"
    )
    what.add_argument("--dataset", choices=TRUE_DATASETS, help="real people with known joints")
    add_root(parser)
    add("--part", choices=("train", "test"), required=True, help="which files to write")
    folder = Path("checkpoints")
    add("--checkpoints", type=Path, default=folder, metavar="DIR", help="(%(default)s)")
    add("--out", type=output_folder, required=True, metavar="DIR", help="where the files go")
    add("--size", type=at_least(1), default=40, metavar="PX", help="of the square (%(default)s)")
    add("--limit", type=at_least(1), metavar="N", help="so many people at most, evenly spaced")
    add("--seed", type=at_least(0), default=0, metavar="N", help="of the hidden joints")
    add("--batch-size", type=at_least(1), default=8, metavar="N", help="(%(default)s)")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Make what is not there yet, and join it."""
    photos = open_rendered(args.rendered) if args.rendered else open_dataset(args)
    photos = JointPhotos(photos.name, evenly_spaced(photos.photos, args.limit or len(photos)))
    parts = args.out / "parts" / args.part
    _claim(parts, args, photos)
    ours = OurReconstruction.load(args.checkpoints, pick_device(args.device))
    occluder = Occluder(size=args.size)
    found = Collector(photos, ours, occluder, args.seed, args.batch_size).collect(parts)
    if not len(found.plain):
        raise InvalidInputError(f"nobody of {len(photos)} people was found in both photos")
    for name, rows in ((args.part, found.plain), (f"{args.part}_occluded", found.occluded)):
        with replacing(args.out / f"{name}.npz") as temporary:
            save_errors(temporary, rows)
    sys.stdout.write(
        f"{args.out}: {len(found.plain):,} people twice; {len(photos) - len(found.plain):,} more "
        "were not found in both photos and are left out\n"
    )
    return 0


def _claim(folder: Path, args: argparse.Namespace, photos: JointPhotos) -> None:
    """Begin a folder of parts, or see that it was made with the same settings.

    Raises:
        FileNotFoundError: A checkpoint is not there.
        InvalidInputError: It was made with others.
    """
    keys = json.dumps([photo.key for photo in photos.photos])
    settings = {
        "format": FORMAT,
        "silhouette": load_header(args.checkpoints / SILHOUETTE).sha256,
        "reconstruction": load_header(args.checkpoints / REGRESSOR).sha256,
        "people": hashlib.sha256(keys.encode()).hexdigest(),
        "size": args.size,
        "seed": args.seed,
    }
    path = folder / "settings.json"
    if not path.exists():
        write_text(path, json.dumps(settings, indent=2) + "\n")
        return
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    if differing := sorted(name for name in settings if found.get(name) != settings[name]):
        raise InvalidInputError(
            f"{folder} was made with another {', '.join(differing)}; choose another --out, or "
            "delete that folder"
        )
