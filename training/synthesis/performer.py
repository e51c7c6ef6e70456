"""Renders a performer whose checkpoint may be published: a person who dances before a fixed camera.

Person, clothes, light and background are synthetic; the movements are motion capture of CMU
(`--cmu`), whose turns are kept while the person stays in place. The 13 points of each frame are
exact. The folder is one that `fit synthesis --frames` reads. A stopped command goes on.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from model.errors import InvalidInputError
from model.skeletons import COCO_17_NAMES
from model.synthesis.limbs import POINT_NAMES
from training.arguments import at_least, output_folder
from training.datasets.bvh import read_bvh
from training.engine.atomic import replacing, write_text
from training.synthesis.frames import PICTURES, write_landmarks
from training.synthetic.assembly import paint, person_and_props
from training.synthetic.backdrops import sample_backdrop
from training.synthetic.bodies import BodySource, Floats
from training.synthetic.cameras import Camera, View
from training.synthetic.coco_keypoints import CocoKeypoints
from training.synthetic.composing import compose
from training.synthetic.props import heading
from training.synthetic.render import Renderer
from training.synthetic.retarget import retarget
from training.synthetic.shading import sample_lighting
from training.synthetic.subjects import assemble, pose_subject
from training.synthetic.wardrobe import dress

FIELD_OF_VIEW_DEG, LOOKS_DOWN_DEG = 30.0, 8.0
FILLS = 0.62
"""Share of the picture's height that somebody of 1.7 m fills."""
GROUND = 0.43
"""Of the picture's height below its middle, where the feet stand."""
SHADOW_SOFTNESS = 0.05
"""Width of a shadow's edge, in metres."""
SETTINGS_FILE = "performer.json"
_OF_COCO = [COCO_17_NAMES.index(name) for name in POINT_NAMES]


@dataclass(frozen=True)
class PerformerSettings:
    """What decides every frame; kept beside them, so that a command can go on."""

    seed: int
    size: int
    """Side of the frames, in pixels."""
    samples: int
    """Rays along each side of a pixel."""
    every: int
    """One frame of motion capture in so many."""
    subjects: tuple[str, ...]
    """Of the motion capture."""


class Performer:
    """One dressed person before a fixed camera and background."""

    def __init__(self, seed: int, size: int, samples: int, device: str | None = None) -> None:
        """Draw the person and the place.

        Args:
            seed: Another one gives another person and place.
            size: Side of the frames, in pixels.
            samples: Rays along each side of a pixel.
            device: Of Warp; a CUDA device where there is one, else the CPU.
        """
        self._source, self._samples = BodySource(), samples
        self._renderer = Renderer(device)
        self._coco = CocoKeypoints(self._source.coco_weights)
        rng = np.random.default_rng([seed, 0])
        body = self._source.sample(rng, female=seed % 2 == 1)
        self._subject = assemble(self._source, body, dress(self._source, body, rng), self._coco)
        focal = float(size / 2 / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG) / 2))
        tilt = Rotation.from_euler("X", LOOKS_DOWN_DEG, degrees=True)
        up = tilt.apply([0.0, 1.0, 0.0]).astype(np.float32)
        self._view = View(Camera(focal, (size, size)), tilt, up, "whole")
        depth = focal * 1.7 / (FILLS * size)
        self._foot = np.array([0, -GROUND * size * depth / focal, -depth], np.float32)
        self._ground = float(self._foot @ up)
        self._light = sample_lighting(np.random.default_rng([seed, 1]))
        self._backdrop = sample_backdrop(
            np.random.default_rng([seed, 2]), self._view, self._ground, depth, self._light
        )

    def frame(self, axis_angle: Floats) -> tuple[np.ndarray, Floats]:
        """A picture (S, S, 3) uint8 RGB, and the points (13, 2) over its side.

        Args:
            axis_angle: (24, 3) of SMPL's joints; with the root at rest they face the camera.
        """
        turned = axis_angle.copy()
        turned[0] = (self._view.orientation * Rotation.from_rotvec(axis_angle[0])).as_rotvec()
        posed = pose_subject(self._subject, turned, np.stack(heading(self._view), axis=1))
        vertices = posed.vertices
        # The lowest point stands on the ground; the pelvis is above the same place.
        transl = self._foot - posed.joints[0]
        transl += (
            self._ground - float(((vertices + transl) @ self._view.up).min())
        ) * self._view.up
        vertices = (vertices + transl).astype(np.float32)
        scene = person_and_props(self._subject, posed, vertices, [])
        mesh = self._renderer.load(scene.vertices, scene.faces, scene.ends)
        hits = self._renderer.draw(mesh, self._view.camera, self._samples)
        shadows = self._renderer.light_map(mesh, self._light.direction)
        points, rest, normals = self._renderer.interpolate(mesh, hits, scene.at_rest)
        lit = self._renderer.receive(
            shadows, np.concatenate([points, self._backdrop.points]), SHADOW_SOFTNESS
        )
        on_person, on_ground = np.split(lit, [len(points)])
        shaded = paint(
            scene, hits, (points, rest, normals), on_person, self._light, self._source.on_eyes
        )
        is_person = np.ones(len(hits.faces), bool)
        behind = self._backdrop.lit(on_ground)
        rgb, _ = compose(shaded, hits.pixels, is_person, behind, self._samples)
        body = vertices[: self._subject.num_body_vertices]
        places = self._view.camera.project(self._coco.points(body))[_OF_COCO]
        pixels = np.rint(rgb * 255).clip(0, 255).astype(np.uint8)
        return pixels, (places / self._view.camera.size[0]).astype(np.float32)


def movements(folder: Path, subjects: Sequence[str], every: int) -> list[tuple[str, Floats]]:
    """Name and axis-angle (24, 3) of each frame of the subjects' clips, in the clips' order.

    The person turns as they did; over each clip they face the camera on average.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: It holds no clip of these subjects, or one that cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    found = []
    for path in sorted(folder.glob("*.bvh")):
        if path.stem.split("_")[0] not in subjects:
            continue
        motion = read_bvh(path, every)
        poses = retarget(motion, path.name)
        ahead = motion.global_rotations()[:, motion.names.index("hip"), :, 2]
        angles = np.arctan2(ahead[:, 0], ahead[:, 2])
        angles -= np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())
        poses[:, 0] = (
            Rotation.from_euler("Y", angles[:, None]) * Rotation.from_rotvec(poses[:, 0])
        ).as_rotvec()
        found += [(f"{path.stem}_{number:04d}", pose) for number, pose in enumerate(poses)]
    if not found:
        raise InvalidInputError(f"{folder} holds no clip of the subjects {', '.join(subjects)}")
    return found


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data performer`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--cmu", type=Path, required=True, metavar="DIR", help="motion capture in BVH")
    add("--out", type=output_folder, required=True, metavar="DIR", help="folder to write to")
    add("--subjects", nargs="+", default=["05"], metavar="NN", help="of CMU's (05, modern dance)")
    add("--every", type=at_least(1), default=3, metavar="N", help="one frame in N (%(default)s)")
    add("--limit", type=at_least(1), metavar="N", help="so many frames at most, spread over all")
    add("--size", type=at_least(32), default=128, help="side in pixels (%(default)s)")
    add("--samples", type=at_least(1), default=2, help="rays along a pixel's side (%(default)s)")
    add("--seed", type=at_least(0), default=0, help="another seed gives another performer")


def run(args: argparse.Namespace) -> int:
    """Render the frames that are not there yet, and write all points."""
    settings = PerformerSettings(
        args.seed, args.size, args.samples, args.every, tuple(args.subjects)
    )
    frames = movements(args.cmu, args.subjects, args.every)
    if args.limit is not None and args.limit < len(frames):
        # Whole stretches: what follows must be the next moment.
        frames = frames[: args.limit]
    num = render(args.out, frames, settings)
    sys.stdout.write(f"{args.out}: {len(frames)} frames, {num} rendered now\n")
    return 0


def render(out: Path, frames: Sequence[tuple[str, Floats]], settings: PerformerSettings) -> int:
    """Render what is missing; says how many frames that were.

    Raises:
        InvalidInputError: The folder holds frames of other settings.
        StorageError: The disk is full or read-only.
    """
    _claim(out, settings)
    performer: Performer | None = None
    points, num = [], 0
    for name, pose in tqdm(frames, desc="performer", unit="frame"):
        picture, kept = out / PICTURES / f"{name}.png", out / "points" / f"{name}.npy"
        if not (picture.exists() and kept.exists()):
            performer = performer or Performer(settings.seed, settings.size, settings.samples)
            pixels, places = performer.frame(pose)
            with replacing(kept) as temporary, temporary.open("wb") as file:
                np.save(file, places, allow_pickle=False)
            with replacing(picture) as temporary:
                Image.fromarray(pixels).save(temporary)
            num += 1
        points.append(np.load(kept, allow_pickle=False))
    write_landmarks(out, np.stack(points), tuple(f"{name}.png" for name, _ in frames))
    return num


def _claim(out: Path, settings: PerformerSettings) -> None:
    record = out / SETTINGS_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    if record.exists():
        if (found := json.loads(record.read_text())) != wanted:
            raise InvalidInputError(
                f"{out} was rendered with {found}; it cannot be gone on with using {wanted}: "
                "choose another folder or the same settings"
            )
        return
    write_text(record, json.dumps(wanted, indent=2) + "\n")
