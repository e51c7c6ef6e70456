"""Mannequins before cameras, in the layout of `data synth`: exact truth without a renderer."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter

from model.body.asset import SmplAsset, save_asset
from model.body.predictor import BodyParameters, BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence, save_silhouette_checkpoint
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.datasets.shader import iter_subjects, read_pair
from training.datasets.shader_truth import read_truth
from training.reconstruction.drawing import project, projected_mask

SIDE = 64
DISTANCE = 3.4
HEADER = CheckpointHeader(
    "", {}, (TrainingPart({"command": "test"}, "c0ffee", "nobody", 1),), {}, "Apache-2.0"
)
OF_COCO = [
    SMPL_24_JOINT_NAMES.index(name if name in SMPL_24_JOINT_NAMES else "head")
    for name in COCO_17_NAMES
]


def asset_of(body: BodyPredictor) -> SmplAsset:
    smpl = body.smpl
    return SmplAsset(
        v_template=smpl.v_template.contiguous(),
        shapedirs=smpl.shapedirs.contiguous(),
        posedirs=smpl.posedirs.contiguous(),
        J_regressor=smpl.J_regressor,
        parents=torch.tensor(SMPL_24_PARENTS),
        lbs_weights=smpl.lbs_weights.contiguous(),
        faces=smpl.faces,
    )


def write_body(path: Path, body: BodyPredictor) -> Path:
    save_asset(path, asset_of(body), HEADER)
    return path


def write_people(
    root: Path, body: BodyPredictor, num_subjects: int = 4, num_frames: int = 2, seed: int = 0
) -> Path:
    """Each subject has other betas; each frame another pose, and another focal length."""
    rng = np.random.default_rng(seed)
    for number in range(num_subjects):
        batch = ("maleBatch001", "femaleBatch001")[number % 2]
        folder = root / batch / f"{number // 2:04d}"
        for kind in ("dressed", "naked"):
            (folder / kind).mkdir(parents=True)
        betas = rng.normal(size=10)
        rows = []
        for frame in range(num_frames):
            pose = rng.normal(0, 0.08, (24, 3))
            transl = np.array([rng.normal(0, 0.1), 0.1, -DISTANCE])
            focal = SIDE * (1.3 + 0.2 * frame)
            (mesh,) = body.predict_batch(
                [
                    BodyParameters(
                        betas.astype(np.float32),
                        pose[1:].astype(np.float32),
                        pose[0].astype(np.float32),
                        transl.astype(np.float32),
                    )
                ]
            )
            down = np.array([1, -1, -1])
            centre = (SIDE / 2, SIDE / 2)
            pixels = project(mesh.vertices * down, focal, centre)
            points = project(mesh.joints * down, focal, centre)
            naked = projected_mask(pixels, body.faces, (SIDE, SIDE))
            dressed = binary_dilation(naked, iterations=1 + number % 2)
            for kind, mask in (("dressed", dressed), ("naked", naked)):
                colours = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
                Image.fromarray(np.dstack([colours, mask * np.uint8(255)])).save(
                    folder / kind / f"Image{frame:04d}.png"
                )
            keypoints = np.column_stack([points[OF_COCO], np.ones(17)])
            rows.append((pose.ravel(), transl, points, mesh.joints, keypoints))
        names = ("poses", "trans", "joints2D", "joints3D", "coco_keypoints")
        columns = [np.stack(column).astype(np.float64) for column in zip(*rows, strict=True)]
        truth = {"shape": betas} | dict(zip(names, columns, strict=True))
        (folder / f"gt{folder.name}.pkl").write_bytes(pickle.dumps(truth, 2))
    return root


def write_silhouette_network(path: Path) -> Path:
    """A network that finds somebody as large as the picture, wherever it looks."""
    torch.manual_seed(0)
    network = LiteSilhouette(LiteConfig(0, (16, 8, 8, 8), head_width=4))
    with torch.no_grad():
        network.get_parameter("people.1.weight").zero_()
        bias = network.get_parameter("people.1.bias")
        bias[:17] = 0.5
        bias[17] = 2.0
        bias[18:] = np.log(20)
    save_silhouette_checkpoint(path, network, 64, HEADER)
    return path


class KnowingNetwork:
    """In the place of a silhouette predictor: knows the pictures of a folder, and errs a little."""

    def __init__(self, folder: Path, blind_to: frozenset[tuple[str, int]] = frozenset()) -> None:
        rng = np.random.default_rng(1)
        self._known: dict[bytes, SilhouetteConfidence] = {}
        for subject in iter_subjects(folder):
            truth = read_truth(subject)
            assert truth.coco_keypoints is not None
            for frame in subject.frames:
                dressed, naked = read_pair(subject.folder, frame)
                columns, rows = (np.flatnonzero(dressed[..., 3].any(axis)) for axis in (0, 1))
                sides = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
                box = (np.array(sides) + rng.normal(0, 1, 4)).clip(0, SIDE).astype(np.float32)
                points = truth.coco_keypoints[frame].astype(np.float32)
                points[:, :2] += rng.normal(0, 0.5, (17, 2))
                points[:, 2] = rng.uniform(0.4, 0.9, 17)
                people = () if (subject.key, frame) in blind_to else (Person(box, 0.9, points),)
                map_ = gaussian_filter((naked[..., 3] > 0).astype(np.float32), 1)
                self._known[dressed[..., :3].tobytes()] = SilhouetteConfidence(map_, people)

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        return [self._known[image.tobytes()] for image in images]


class FindsSomebody:
    """In the place of a silhouette predictor: one person in all pictures that are not black."""

    finds_people = True
    header = HEADER

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        return [self._in(image) for image in images]

    def _in(self, image: np.ndarray) -> SilhouetteConfidence:
        height, width = image.shape[:2]
        if not image.any():
            return SilhouetteConfidence(np.zeros((height, width), np.float32), ())
        box = np.array([0.3 * width, 0.1 * height, 0.7 * width, 0.9 * height], np.float32)
        points = np.full((17, 3), 0.8, np.float32)
        points[:, 0] = np.linspace(box[0], box[2], 17)
        points[:, 1] = np.linspace(box[1], box[3], 17)
        small = Person(box * 0.2, 0.95, points)
        map_ = np.zeros((height, width), np.float32)
        map_[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = 1
        return SilhouetteConfidence(map_, (small, Person(box, 0.8, points)))
