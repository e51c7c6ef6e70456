"""Random changes of a stored person that keep picture and truth together.

H W size of the picture, K keypoints, J joints.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from model.image import MINIMUM_SIDE
from model.skeletons import COCO_17_MIRRORED, SMPL_24_JOINT_NAMES
from training.reconstruction.recipe import Augmentation
from training.reconstruction.stored_people import StoredPerson

_SWAPPED = {"left": "right", "right": "left"}


def _mirror_joint(name: str) -> int:
    side, _, part = name.partition("_")
    other = f"{_SWAPPED[side]}_{part}" if side in _SWAPPED else name
    return SMPL_24_JOINT_NAMES.index(other)


MIRRORED_JOINTS = [_mirror_joint(name) for name in SMPL_24_JOINT_NAMES]
"""Index of the joint that each of SMPL's becomes in a mirror image."""
_X = np.array([-1, 1, 1], np.float32)
_AXIS_ANGLE = np.array([1, -1, -1], np.float32)
"""A rotation in a mirror image turns about the mirrored axis the other way round."""


def mirrored(person: StoredPerson) -> StoredPerson:
    """The mirror image, left and right exchanged. Shapes of the body asset are symmetric."""
    width = person.layers.shape[1]

    def points(keypoints: np.ndarray) -> np.ndarray:
        turned = keypoints[list(COCO_17_MIRRORED)].copy()
        turned[:, 0] = width - turned[:, 0]
        return turned

    left, top, right, bottom = person.box
    return person._replace(
        layers=person.layers[:, ::-1],
        box=np.array([width - right, top, width - left, bottom], np.float32),
        found=points(person.found),
        keypoints=points(person.keypoints),
        joints=person.joints[MIRRORED_JOINTS] * _X,
        pose=person.pose[MIRRORED_JOINTS] * _AXIS_ANGLE,
        transl=person.transl * _X,
    )


def jittered(
    person: StoredPerson, rng: np.random.Generator, settings: Augmentation
) -> StoredPerson:
    """With a box that is moved and scaled a little."""
    left, top, right, bottom = person.box.tolist()
    size = np.array([right - left, bottom - top])
    centre = np.array([left + right, top + bottom]) / 2
    centre = centre + rng.normal(0, settings.shift, 2) * size.max()
    half = size / 2 * np.exp(rng.normal(0, settings.scale))
    return person._replace(box=np.concatenate([centre - half, centre + half]).astype(np.float32))


def noisy(person: StoredPerson, rng: np.random.Generator, settings: Augmentation) -> StoredPerson:
    """With keypoints, found and true, that are moved a little or taken away."""
    longer = float(max(person.box[2] - person.box[0], person.box[3] - person.box[1]))
    offsets = rng.normal(0, settings.keypoint_noise * longer, (len(person.found), 2))
    is_dropped = rng.random(len(person.found)) < settings.dropped_fraction

    def changed(keypoints: np.ndarray) -> np.ndarray:
        points = keypoints.copy()
        points[:, :2] += offsets
        points[is_dropped, 2] = 0
        return points

    return person._replace(found=changed(person.found), keypoints=changed(person.keypoints))


def cut(person: StoredPerson, rng: np.random.Generator, most: float) -> StoredPerson:
    """With a picture that ends inside the person's box, at an edge of four.

    What is cut off is not part of the picture any more; the camera's true centre is then no longer
    its middle. Its truth is moved to that middle: the body is turned about the camera.

    Args:
        person: As stored.
        rng: Decides the edge, and how much is cut off.
        most: Share of the box's height or width that is cut off at most.
    """
    height, width = person.layers.shape[:2]
    left, top, right, bottom = person.box.tolist()
    # Feet are cut off most often.
    edge = rng.choice(["bottom", "top", "left", "right"], p=[0.55, 0.15, 0.15, 0.15])
    share = rng.uniform(0, most)
    window = [0, 0, width, height]
    match edge:
        case "bottom":
            window[3] = round(bottom - share * (bottom - top))
        case "top":
            window[1] = round(top + share * (bottom - top))
        case "left":
            window[0] = round(left + share * (right - left))
        case _:
            window[2] = round(right - share * (right - left))
    x0, y0, x1, y1 = np.array(window).clip(0, [width, height, width, height]).tolist()
    if min(x1 - x0, y1 - y0) < MINIMUM_SIDE:
        return person
    return _within(person, (x0, y0, x1, y1))


def _within(person: StoredPerson, window: tuple[int, int, int, int]) -> StoredPerson:
    """A part of the picture, as a picture of its own."""
    height, width = person.layers.shape[:2]
    x0, y0, x1, y1 = window
    offset = np.array([x0, y0], np.float32)
    size = np.array([x1 - x0, y1 - y0], np.float32)

    def moved(keypoints: np.ndarray, is_truth: bool) -> np.ndarray:
        points = keypoints.copy()
        points[:, :2] -= offset
        outside = ((points[:, :2] < 0) | (points[:, :2] >= size)).any(1)
        if is_truth:
            points[outside, 2] = 0
        # The network would find those elsewhere, or hardly.
        points[outside, 2] *= 0.2
        points[:, :2] = points[:, :2].clip(0, size)
        return points

    # The direction through the new middle becomes the one that the camera looks along.
    aside = (x0 + x1 - width) / 2 / float(person.focal[0])
    below = (y0 + y1 - height) / 2 / float(person.focal[0])
    turn, _ = Rotation.align_vectors([[0, 0, -1]], [[aside, -below, -1]])
    pose = person.pose.copy()
    pose[0] = (turn * Rotation.from_rotvec(person.pose[0])).as_rotvec()
    joints = turn.apply(person.joints).astype(np.float32)
    box = (person.box - np.tile(offset, 2)).clip(0, np.tile(size, 2))
    return person._replace(
        layers=person.layers[y0:y1, x0:x1],
        box=box.astype(np.float32),
        found=moved(person.found, is_truth=False),
        keypoints=moved(person.keypoints, is_truth=True),
        joints=joints,
        pose=pose.astype(np.float32),
        transl=(person.transl - person.joints[0] + joints[0]).astype(np.float32),
    )
