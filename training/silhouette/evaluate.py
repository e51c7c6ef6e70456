"""What silhouette networks are measured on: rendered people, labelled photos, photos with masks."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from model.errors import InvalidInputError
from model.silhouette.confidence import person_confidence, silhouette_mask, weight_image
from model.silhouette.predictor import ARCHITECTURES, SilhouetteConfidence, SilhouettePredictor
from training.arguments import add_ccp, at_least
from training.datasets.ccp import CcpPhoto
from training.datasets.ccp_kaggle import LabelledPhotos, open_ccp
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.evaluation_pictures import (
    LabelledStreetPhotos,
    PhotosWithMasks,
    RenderedFolders,
    RenderedPicture,
    SyntheticPeople,
    SyntheticSettings,
)
from training.datasets.people import PersonPhoto, PersonPhotos
from training.datasets.shader import read_rgba
from training.datasets.splits import TEST_SEED, VALIDATION_SEED
from training.engine.export import Export
from training.engine.quantization import Quantization
from training.photos.coco_keypoints import keypoints_of
from training.photos.garments import GARMENTS
from training.reporting.evaluation import Evaluation
from training.reporting.photo_figures import Drawing, PhotoFigures
from training.reporting.scoring import SampleSet, Scored, WorstSheet
from training.scenes.data_recipe import ON_THE_FLY, DataRecipe
from training.silhouette import report
from training.silhouette.metrics import (
    MaskScore,
    PhotoScore,
    RenderedScore,
    score_mask,
    score_photo,
    score_rendered,
)
from training.silhouette.photo_report import photo_report

_SYNTHETIC_OPTIONS = {
    "subjects": ("num_subjects", "people"),
    "frames": ("num_frames", "pictures of each"),
    "size": ("size", "side of the pictures in pixels"),
}
_OTHER, _GARMENT, _SKIN = (110, 110, 110), (70, 130, 220), (250, 190, 120)
"""Colours of labels on the sheet of the worst photos; the background is black."""


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name what is measured on."""
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="DIR",
        help=f"folders in the SHADER layout, or the word `{ON_THE_FLY}`: people are rendered as "
        "needed",
    )
    add_ccp(parser)
    add_people(parser)
    parser.add_argument(
        "--all-subjects",
        action="store_true",
        help="measure on every subject, for folders that were not trained on",
    )
    group = parser.add_argument_group(f"with --data {ON_THE_FLY}")
    for option, (name, words) in _SYNTHETIC_OPTIONS.items():
        least = 16 if option == "size" else 1
        words += f" ({getattr(SyntheticSettings(), name)})"
        group.add_argument(f"--{option}", type=at_least(least), metavar="N", help=words)


def add_people(parser: argparse.ArgumentParser) -> None:
    """Add the option that names photos with masks."""
    parser.add_argument(
        "--people",
        type=Path,
        metavar="DIR",
        help="photos of people with masks: photos/*.jpg, masks/*.png",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other before anything is measured.

    Raises:
        InvalidInputError: They do, or some are missing.
    """
    if not args.data and args.ccp is None and args.people is None:
        raise InvalidInputError("nothing to measure on: give --data, --ccp or --people")
    if args.record and not (args.data and args.ccp is not None):
        raise InvalidInputError("--record needs both --data and --ccp: the card shows both")
    if ON_THE_FLY in args.data and len(args.data) > 1:
        raise InvalidInputError(
            f"--data takes folders or the word {ON_THE_FLY!r}, not both; "
            f"a folder of that name is ./{ON_THE_FLY}"
        )
    given = [f"--{o}" for o in _SYNTHETIC_OPTIONS if getattr(args, o) is not None]
    if given and args.data != [ON_THE_FLY]:
        raise InvalidInputError(f"{', '.join(given)} go with --data {ON_THE_FLY} only")


def sample_sets(args: argparse.Namespace, predictor: SilhouettePredictor) -> list[SampleSet[Any]]:
    """What the command line names."""
    sets: list[SampleSet[Any]] = []
    if args.data == [ON_THE_FLY]:
        options = {name: getattr(args, option) for option, (name, _) in _SYNTHETIC_OPTIONS.items()}
        given = {name: value for name, value in options.items() if value is not None}
        seed = TEST_SEED if args.split == "test" else VALIDATION_SEED
        sets.append(rendered_people(SyntheticPeople(SyntheticSettings(seed=seed, **given))))
    elif args.data:
        fraction = None if args.all_subjects else _held_out_fraction(predictor)
        folders = [Path(folder) for folder in args.data]
        sets.append(rendered_people(RenderedFolders(folders, fraction, args.split)))
    if args.ccp is not None:
        dataset = open_ccp(args.ccp)
        sets.append(street_photos(LabelledStreetPhotos(dataset, args.split), dataset))
    if args.people is not None:
        sets.append(photos_with_masks(PhotosWithMasks(PersonPhotos.open(args.people))))
    return sets


def _held_out_fraction(predictor: SilhouettePredictor) -> float:
    """The share that the newest part of the checkpoint's training held out."""
    assert predictor.header is not None
    for part in reversed(predictor.header.lineage):
        if (fraction := part.recipe.get("data", {}).get("validation_fraction")) is not None:
            return float(fraction)
    return DataRecipe().validation_fraction


def rendered_people(people: RenderedFolders | SyntheticPeople) -> SampleSet[RenderedPicture]:
    """Rendered people, whose true silhouettes are known."""

    def panels(picture: RenderedPicture, found: SilhouetteConfidence) -> tuple[np.ndarray, ...]:
        target = person_confidence(picture.naked, picture.dressed)
        return picture.image, _in_colour(target), _in_colour(found.confidence)

    return SampleSet(
        "rendered",
        "pictures of rendered people",
        people,
        RenderedScore,
        lambda picture, found: score_rendered(
            found.confidence, picture.dressed, picture.naked, picture.azimuth_deg, picture.bmi
        ),
        report.rendered_report,
        WorstSheet(
            lambda score: score.iou_body.network,
            lambda one: (
                f"{'/'.join(one.key.split('/')[-3:])}: IoU {one.score.iou_body.network:.3f}"
            ),
            panels,
        ),
    )


def street_photos(photos: LabelledStreetPhotos, dataset: LabelledPhotos) -> SampleSet[CcpPhoto]:
    """Photos with a label for every pixel."""
    skin, null = dataset.label_id("skin"), dataset.label_id("null")
    garments = [n for n, name in enumerate(dataset.label_names) if name in GARMENTS]
    stored = CcpKeypoints.load(STORED)
    colours = np.full((len(dataset.label_names), 3), _OTHER, np.uint8)
    colours[garments], colours[skin], colours[null] = _GARMENT, _SKIN, 0

    def score(photo: CcpPhoto, found: SilhouetteConfidence) -> PhotoScore:
        parts = photo.labels == skin, photo.labels == null, np.isin(photo.labels, garments)
        size = (photo.labels.shape[0], photo.labels.shape[1])
        known = stored.holds(photo.number, size)
        keypoints = keypoints_of(stored.pose(photo.number, size), size) if known else None
        return score_photo(found.confidence, *parts, keypoints)

    def caption(one: Scored) -> str:
        return f"{one.key}: skin {one.score.skin:.2f}, background {one.score.background:.2f}"

    sheet = WorstSheet(
        lambda score: score.skin - score.background,
        caption,
        lambda photo, found: (photo.image, colours[photo.labels], _in_colour(found.confidence)),
    )
    return SampleSet(
        "photos",
        "street photos",
        photos,
        PhotoScore,
        score,
        photo_report,
        sheet,
    )


def photos_with_masks(photos: PhotosWithMasks) -> SampleSet[PersonPhoto]:
    """Photos with a mask of the dressed person."""
    return SampleSet(
        "people",
        "photos with masks of the person",
        photos,
        MaskScore,
        lambda photo, found: score_mask(found.confidence, photo.mask),
        report.mask_report,
    )


def _in_colour(values: np.ndarray) -> np.ndarray:
    colours: np.ndarray = (colormaps["magma"](values)[..., :3] * 255).astype(np.uint8)
    return colours


EVALUATION = Evaluation(
    slug="silhouette",
    architectures=ARCHITECTURES,
    version=4,
    batch_size=16,
    load=SilhouettePredictor.from_checkpoint,
    configure_data=configure_data,
    check=check,
    sample_sets=sample_sets,
    tables=report.tables,
    charts=report.charts,
    card=Path(__file__).with_name("card.md"),
)


def configure_drawing(parser: argparse.ArgumentParser) -> None:
    """The option that only figures of silhouettes have."""
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="PNG",
        help="the naked RGBA picture of a rendered pair; --image is then its dressed RGBA picture",
    )


def draw(
    args: argparse.Namespace, image: np.ndarray, found: SilhouetteConfidence
) -> dict[str, Drawing]:
    """The map, the photo weighted by it, and both beside the true map where that is known."""
    panels = {"dressed": image}
    if args.truth is not None:
        naked, dressed = read_rgba(args.truth), read_rgba(args.image)
        masks = silhouette_mask(naked), silhouette_mask(dressed)
        panels["true confidence"] = person_confidence(*masks)
    panels["predicted confidence"] = found.confidence
    figure = Figure(figsize=(4 * len(panels), 4 * image.shape[0] / image.shape[1] + 0.4))
    for axes, (title, panel) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.imshow(panel, cmap="magma", vmin=0, vmax=1)
        axes.set_title(title)
        axes.set_axis_off()
    weighted = (weight_image(image, found.confidence) * 255 + 0.5).astype(np.uint8)
    return {
        "conf_pred.npy": found.confidence,
        "weighted.png": Image.fromarray(weighted),
        "figure.png": figure,
    }


FIGURES = PhotoFigures("silhouette", SilhouettePredictor.from_checkpoint, configure_drawing, draw)
EXPORT = Export("silhouette", SilhouettePredictor)
QUANTIZATION = Quantization(EVALUATION, SilhouettePredictor, report.quality, {"data": [ON_THE_FLY]})
