"""Measures confidence maps on photos that nothing is learned from or chosen by.

Limbs of people whom somebody has marked, of one person before four cameras; pictures without
people; two people side by side; photos turned by quarters; boxes and keypoints of rendered
people, alone and in groups, and of people in street photos. Each with its standard error.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouettePredictor
from training.arguments import at_least, device, output_file
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.people import PersonPhotos
from training.datasets.photo import read_photo
from training.datasets.pose2sim import CalibratedViews
from training.datasets.sample_pictures import sample_pictures
from training.datasets.splits import TEST_SEED
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.engine.seeding import sample_generator
from training.photos.ccp_people import CcpPeople
from training.photos.labelled_photos import LabelledPhotos, each
from training.photos.photo_labels import MAX_SIDE
from training.reporting.people_benchmarks import Find, known_people
from training.reporting.photo_benchmarks import (
    Numbers,
    Predict,
    calibrated_views,
    everyday_people,
    pck_h,
    side_by_side,
    turned,
    without_people,
)
from training.scenes.composition import SceneRecipe, background_view, group, scene_size
from training.scenes.labelled_picture import RGB, LabelledPicture
from training.scenes.sources import LabelledPictures, PaintedPlaces, Photos, StreamedPeople
from training.synthetic.stream import RenderedStream

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "silhouette.safetensors"
MARKED = "coco_cc_by"
"""The collection in which people are marked by hand."""
GROUP_SIDE, FRAMES = 512, 4
"""Longer side of rendered groups, in pixels; how many pictures of a person are tried for one that
shows all of them."""
NUM_EMPTY, NUM_SINGLE = 150, 100
"""Rendered scenes without people; rendered people alone in a picture."""
NUM_TURNED = 50
"""Photos that are turned."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate photos`."""
    parser.description = __doc__
    add = parser.add_argument
    add("--checkpoint", type=Path, default=CHECKPOINT, metavar="FILE", help="(%(default)s)")
    folders = {
        "labels": "what data label-photos wrote",
        "pose2sim": "calibrated views with truth.npz",
        "ccp": "folder of Clothing Co-Parsing",
        "people": "photos to turn: photos/*.jpg, masks/*.png",
    }
    for name, text in folders.items():
        add(f"--{name}", type=Path, metavar="DIR", help=text)
    add(
        "--groups",
        type=at_least(2),
        default=200,
        metavar="N",
        help="rendered groups, before the "
        "photos of nobody of --labels, for networks that look for people (%(default)s)",
    )
    add("--limit", type=at_least(2), metavar="N", help="so many pictures of each kind at most")
    add("--json", type=output_file, metavar="FILE", help="write the numbers there")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure; print and write the numbers."""
    predictor = SilhouettePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))

    def find(image: np.ndarray) -> tuple[np.ndarray, Sequence[Person]]:
        (found,) = predictor.predict_batch([image])
        return found.confidence, found.people or ()

    report: dict[str, Numbers] = {}
    sets = measured(args, lambda image: find(image)[0])
    if predictor.finds_people:
        sets = itertools.chain(sets, measured_people(args, find))
    for name, numbers in sets:
        report[name] = numbers
        rows = (f"  {key:<12} {number}\n" for key, number in numbers.items())
        sys.stdout.write(f"{name}\n{''.join(rows)}")
        sys.stdout.flush()
    if args.json:
        plain = {name: {k: v._asdict() for k, v in n.items()} for name, n in report.items()}
        write_text(args.json, json.dumps(plain, indent=2) + "\n")
    return 0


def measured(args: argparse.Namespace, predict: Predict) -> Iterator[tuple[str, Numbers]]:
    """The numbers of every set that the command line names, and of the packages' samples."""
    samples, missing = sample_pictures()
    for package in missing:
        sys.stderr.write(f"{package} is not installed: its sample pictures are left out\n")
    if not (samples or args.labels or args.pose2sim or args.ccp or args.people):
        raise InvalidInputError("nothing to measure on: give --labels, --pose2sim, --ccp, --people")
    if samples:
        paths = itertools.islice(samples.values(), args.limit)
        yield from without_people(predict, {"sample pictures": map(read_photo, paths)})
    nobody: dict[str, Iterable[np.ndarray]] = {}
    if args.labels:
        marked = LabelledPhotos(args.labels, "test", nobody=False, folder=MARKED)
        yield (
            "everyday people",
            everyday_people(predict, itertools.islice(each(marked), args.limit)),
        )
        empty = LabelledPhotos(args.labels, "test", nobody=True)
        pictures = (photo.image for photo in itertools.islice(each(empty), args.limit))
        nobody["photos of nobody"] = pictures
        rendered = RenderedStream(TEST_SEED, 1, FRAMES, GROUP_SIDE)
        count = min(NUM_EMPTY, args.limit or NUM_EMPTY)
        nobody["rendered scenes of nobody"] = map(rendered.empty, range(count))
    if args.pose2sim:
        yield "four cameras", calibrated_views(predict, CalibratedViews.open(args.pose2sim))
    if args.ccp:
        dataset, keypoints = ClothingCoParsing.open(args.ccp), CcpKeypoints.load(STORED)
        street = CcpPeople(dataset, keypoints, "test")
        yield "street pairs", side_by_side(predict, itertools.islice(each(street), args.limit))
        painted = PaintedPlaces(Photos([street], MAX_SIDE))
        count = min(len(painted), args.limit or len(painted))
        nobody["people painted over"] = (
            np.ascontiguousarray(painted[n].layers[..., RGB]) for n in range(count)
        )
    yield from without_people(predict, nobody)
    if args.people:
        people = PersonPhotos.open(args.people)
        chosen = people.names[: args.limit or NUM_TURNED]
        yield "turned", turned(predict, (people.read(name).image for name in chosen))


def measured_people(args: argparse.Namespace, find: Find) -> Iterator[tuple[str, Numbers]]:
    """The numbers of boxes and keypoints: of rendered groups, and of street photos."""
    if args.labels:
        places = Photos([LabelledPhotos(args.labels, "test", nobody=True)], GROUP_SIDE)
        count = min(args.groups, args.limit or args.groups)
        yield "rendered groups", known_people(find, rendered_groups(places, count))
        alone = StreamedPeople(RenderedStream(TEST_SEED, NUM_SINGLE, 1, GROUP_SIDE))
        singles = (alone[n] for n in range(min(len(alone), args.limit or len(alone))))
        yield "rendered people", known_people(find, singles)
    if args.ccp:
        dataset, keypoints = ClothingCoParsing.open(args.ccp), CcpKeypoints.load(STORED)
        street = each(CcpPeople(dataset, keypoints, "test"))
        photos = itertools.islice(street, args.limit)
        pck = pck_h(lambda image: [person.keypoints for person in find(image)[1]], photos)
        yield "street photos", {"pck_h": pck}


def rendered_groups(
    places: LabelledPictures, count: int, side: int = GROUP_SIDE
) -> Iterator[LabelledPicture]:
    """Two to five people of the test seed, before places of nobody; the same each time."""
    people = StreamedPeople(RenderedStream(TEST_SEED, 2**20, FRAMES, side))
    settings, subject = SceneRecipe(quarter_fraction=0.0), 0
    for number in range(count):
        rng = sample_generator(TEST_SEED, number)
        chosen: list[LabelledPicture] = []
        wanted = int(rng.integers(2, settings.most_people + 1))
        while len(chosen) < wanted:
            frames = (people[subject * FRAMES + frame] for frame in range(FRAMES))
            chosen += itertools.islice((one for one in frames if one.is_one_whole_person), 1)
            subject += 1
        place = places[number % len(places)]
        size = scene_size(side, rng, settings)
        frame = background_view(place, size, rng, settings)
        yield group(frame, chosen, rng, settings)
