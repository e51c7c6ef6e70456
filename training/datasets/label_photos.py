"""Says of photos where people are, so that they can be learned from.

MediaPipe's masks and keypoints are taken where they agree with themselves in two looks and, in
folders with a labels.json, with the keypoints, boxes and polygons in it. Everything else stays
unknown. Photos that are done already are not looked at again.
"""

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from model.errors import InvalidInputError
from training.arguments import output_folder
from training.datasets.detect_keypoints import SAVE_EVERY
from training.datasets.mediapipe_people import PeopleDetector, people_detector
from training.datasets.photo_folders import PhotoFolder, open_folders
from training.datasets.photo_label import label_photo
from training.datasets.photo_labels import (
    LABELS,
    PhotoLabels,
    PhotoRecord,
    read_shrunk,
    record_of,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data label-photos`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder of photos, with or without a labels.json, or of Clothing Co-Parsing; may be "
        "given several times",
    )
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="MediaPipe's pose_landmarker_full.task (also lite or heavy)",
    )
    parser.add_argument(
        "--out", type=output_folder, required=True, metavar="DIR", help="where labels go"
    )
    parser.add_argument(
        "--nobody",
        action="append",
        default=[],
        metavar="PATTERN",
        help="photos that surely show no person, such as 'garments/*' for all of a folder; may be "
        "given several times",
    )


def run(args: argparse.Namespace) -> int:
    """Label what is not labelled; count."""
    folders = open_folders(args.photos, args.nobody)
    sha256 = hashlib.sha256(args.model.read_bytes()).hexdigest()
    labels = begun_labels(args.out, args.model.name, sha256, folders)
    with people_detector(args.model) as detect:
        labels = label_all(folders, labels, detect)
    sys.stdout.write(f"wrote {args.out}\n{counts_text(labels)}")
    return 0


def begun_labels(out: Path, model: str, sha256: str, folders: Sequence[PhotoFolder]) -> PhotoLabels:
    """What an earlier run got done, with the folders added.

    Raises:
        InvalidInputError: The labels are damaged, were made with another landmarker, or are of
            another folder of the same name.
    """
    places = {folder.name: str(folder.root.resolve()) for folder in folders}
    if not (out / LABELS).exists():
        return PhotoLabels(out, model, sha256, places, {})
    labels = PhotoLabels.load(out)
    if labels.model_sha256 != sha256:
        raise InvalidInputError(
            f"{out} was made with another {labels.model} (sha256 {labels.model_sha256[:12]}); "
            f"name another folder, or delete it to begin anew with {model} ({sha256[:12]})"
        )
    for name, place in places.items():
        if labels.folders.get(name, place) != place:
            raise InvalidInputError(
                f"{out} has labels of {labels.folders[name]}; {place} has the same name"
            )
    return labels.in_folders({**labels.folders, **places})


def label_all(
    folders: Sequence[PhotoFolder], labels: PhotoLabels, detect: PeopleDetector
) -> PhotoLabels:
    """Label the photos that are missing; the file is brought up to date as the work goes on.

    Args:
        folders: Of photos.
        labels: Of those that are done.
        detect: Finds people in a picture.
    """
    everything = [(folder, key) for folder in folders for key in folder.photos]
    missing = [(folder, key) for folder, key in everything if key not in labels.records]
    done = len(everything) - len(missing)
    with tqdm(total=len(everything), initial=done, unit="photo", desc="people") as bar:
        for first in range(0, len(missing), SAVE_EVERY):
            records: dict[str, PhotoRecord] = {}
            for folder, key in missing[first : first + SAVE_EVERY]:
                image = read_shrunk(folder.photos[key])
                label = label_photo(image, folder.known.get(key), detect)
                labels.write_masks(key, label)
                records[key] = record_of(label)
                bar.update()
            labels = labels.with_records(records)
            labels.save()
    labels.save()
    return labels


def counts_text(labels: PhotoLabels) -> str:
    """A line for each folder: photos, people, and by what their pixels are known."""
    lines = []
    for name in labels.folders:
        records = [r for key, r in labels.records.items() if key.startswith(f"{name}/")]
        sources = Counter(person.source for record in records for person in record.people)
        peopled = sum(bool(record.people) for record in records)
        nobody = sum(record.nobody for record in records)
        unknown = len(records) - peopled - nobody
        known_by = ", ".join(f"{count} {source}" for source, count in sources.most_common())
        lines.append(
            f"{name}: {len(records)} photos, {peopled} with people, {nobody} with nobody, "
            f"{unknown} unknown; {sum(sources.values())} people ({known_by or 'none'})\n"
        )
    return "".join(lines)
