"""What a confidence map must show on photos: limbs of real people, nobody, groups, any side up.

A map comes from a function of a picture, so that any network, and any way to run it, is measured
alike. H W a picture's size.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from training.datasets.bones import bone_line, visible_bones
from training.photos.boxes import grown, pixels_of
from training.photos.coco_keypoints import pose_of
from training.photos.labelled_photos import LabelledPhoto
from training.photos.limbs import bone_kind, stature_of
from training.photos.photo_label import NOBODY
from training.reporting.standard_error import clustered_standard_error
from training.silhouette.metrics import iou

Predict = Callable[[np.ndarray], np.ndarray]
"""From (H, W, 3) uint8 RGB to the map, (H, W) in [0, 1]."""
ARMS, LEGS = {"upper_arm", "forearm"}, {"thigh", "shin"}
LARGE = 0.5
"""Share of the picture's height from which a person is large."""
AWAY = 0.1
"""What is outside every person's box, grown so much of its longer side, is away from people."""
MOST_LIT = 0.01
"""Share of a picture without people that may be above a half."""
PCK_SHARE, HEAD_LENGTH = 0.5, 0.13
"""PCKh@0.5: a keypoint is right within half a head's length, which is 0.13 of the stature (Drillis
and Contini, Body Segment Parameters, 1966)."""


class Number(NamedTuple):
    """A mean with its standard error."""

    mean: float
    standard_error: float
    num: int

    @classmethod
    def of(cls, values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> "Number":
        """Of values that may come in clusters; NaN where there are none."""
        if not values:
            return cls(float("nan"), float("nan"), 0)
        groups = range(len(values)) if clusters is None else clusters
        return cls(
            float(np.mean(values)), clustered_standard_error(values, list(groups)), len(values)
        )

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.standard_error:.4f} (n = {self.num})"


Numbers = dict[str, Number]


class Views(Protocol):
    """Pictures of somebody whose joints are known, by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[np.ndarray, np.ndarray]: ...

    def camera(self, index: int, /) -> int:
        """Which one took it."""


def found_on_limbs(found: np.ndarray, keypoints: np.ndarray, kinds: Iterable[str]) -> float | None:
    """Share of the pixels on limbs' bones that are found; None where no bone is visible.

    Args:
        found: (H, W) bool, where the map is above a half.
        keypoints: (17, 3) of one person; the joints of visibility 0.9 and more count.
        kinds: Of bones.
    """
    pose = pose_of(keypoints, (found.shape[0], found.shape[1]))
    bones = [bone for bone in visible_bones(pose) if bone_kind(bone.name) in set(kinds)]
    lines = [bone_line(bone, pose, found.shape, 1) for bone in bones]
    pixels = sum(int(line.sum()) for line in lines)
    return sum(int((line & found).sum()) for line in lines) / pixels if pixels else None


def everyday_people(predict: Predict, photos: Iterable[LabelledPhoto]) -> Numbers:
    """Limbs of the people whom somebody has marked, and confidence away from all people.

    `large_limbs` is of people taller than half the picture; each is a mean over people, clustered
    by photo. `away` is the mean confidence, `away_lit` the share above a half.
    """
    limbs: list[tuple[float, bool, int]] = []
    away: list[float] = []
    lit: list[float] = []
    for number, photo in enumerate(photos):
        confidence = predict(photo.image)
        height, width = confidence.shape
        background = photo.ids == NOBODY
        for person in photo.people:
            share = found_on_limbs(confidence > 0.5, person.keypoints, ARMS | LEGS)
            if share is not None:
                large = float(person.box[3] - person.box[1]) > LARGE * height
                limbs.append((share, large, number))
            background[pixels_of(grown(person.box, AWAY, (height, width)))] = False
        if background.any():
            away.append(float(confidence[background].mean()))
            lit.append(float((confidence[background] > 0.5).mean()))
    large = [(share, cluster) for share, is_large, cluster in limbs if is_large]
    return {
        "limbs": Number.of([share for share, _, _ in limbs], [c for _, _, c in limbs]),
        "large_limbs": Number.of([share for share, _ in large], [c for _, c in large]),
        "away": Number.of(away),
        "away_lit": Number.of(lit),
    }


def calibrated_views(predict: Predict, views: Views) -> Numbers:
    """Limbs of one person in pictures of several cameras; clustered by camera."""
    shares: dict[str, list[float]] = {"arms": [], "legs": [], "limbs": []}
    cameras: dict[str, list[int]] = {name: [] for name in shares}
    for index in range(len(views)):
        image, keypoints = views[index]
        found = predict(image) > 0.5
        for name, kinds in (("arms", ARMS), ("legs", LEGS), ("limbs", ARMS | LEGS)):
            share = found_on_limbs(found, keypoints, kinds)
            if share is not None:
                shares[name].append(share)
                cameras[name].append(views.camera(index))
    return {name: Number.of(shares[name], cameras[name]) for name in shares}


def without_people(
    predict: Predict, sources: Mapping[str, Iterable[np.ndarray]]
) -> Iterator[tuple[str, Numbers]]:
    """Of pictures of nobody by source, and of all together where there are several sources.

    `lit` is the share above a half, `too_lit` the share of pictures with more than MOST_LIT.
    """
    every: list[tuple[float, float]] = []
    for name, pictures in sources.items():
        maps = (predict(picture) for picture in pictures)
        found = [(float((one > 0.5).mean()), float(one.mean())) for one in maps]
        yield name, _of_nobody(found)
        every += found
    if len(sources) > 1:
        yield "all of nobody", _of_nobody(every)


def _of_nobody(found: Sequence[tuple[float, float]]) -> Numbers:
    """Of the share that is lit, and the mean, of each map."""
    return {
        "lit": Number.of([lit for lit, _ in found]),
        "mean": Number.of([mean for _, mean in found]),
        "too_lit": Number.of([float(lit > MOST_LIT) for lit, _ in found]),
    }


def turned(predict: Predict, pictures: Iterable[np.ndarray]) -> Numbers:
    """IoU of a turned picture's map, turned back, with the upright picture's, above a half."""
    ious: dict[int, list[float]] = {90: [], 180: [], 270: []}
    for picture in pictures:
        upright = predict(picture) > 0.5
        for angle, values in ious.items():
            quarters = angle // 90
            found = predict(np.ascontiguousarray(np.rot90(picture, quarters))) > 0.5
            values.append(iou(np.rot90(found, -quarters), upright))
    every = [value for values in ious.values() for value in values]
    photos = [number for values in ious.values() for number in range(len(values))]
    numbers = {f"turned_{angle}": Number.of(values) for angle, values in ious.items()}
    return {**numbers, "turned": Number.of(every, photos)}


def side_by_side(predict: Predict, photos: Iterable[LabelledPhoto]) -> Numbers:
    """Share of pairs of photos with one person each in which both have IoU of at least a half."""
    both = []
    one_by_one = iter(photos)
    for first, second in zip(one_by_one, one_by_one, strict=False):
        height = min(first.image.shape[0], second.image.shape[0])
        pair = [first, second]
        confidence = predict(np.concatenate([p.image[:height] for p in pair], axis=1)) > 0.5
        halves = np.split(confidence, [first.image.shape[1]], axis=1)
        masks = [photo.ids[:height] != NOBODY for photo in pair]
        both.append(float(min(iou(h, m) for h, m in zip(halves, masks, strict=True)) >= 0.5))
    return {"both_found": Number.of(both)}


def pck_h(
    find: Callable[[np.ndarray], Iterable[np.ndarray]], photos: Iterable[LabelledPhoto]
) -> Number:
    """PCKh@0.5: share of the visible keypoints that are found, a mean over people.

    Args:
        find: From a picture to the keypoints of everybody in it, (17, 3) each.
        photos: With people's keypoints.
    """
    right, clusters = [], []
    for number, photo in enumerate(photos):
        everybody = list(find(photo.image))
        for person in photo.people:
            seen = person.keypoints[:, 2] >= 0.5
            reach = PCK_SHARE * HEAD_LENGTH * stature_of(person.keypoints)
            if not seen.any() or not reach:
                continue
            shares = [
                float((_distances(found, person.keypoints)[seen] <= reach).mean())
                for found in everybody
            ]
            right.append(max(shares, default=0.0))
            clusters.append(number)
    return Number.of(right, clusters)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.hypot(*(first[:, :2] - second[:, :2]).T)
    return distances
