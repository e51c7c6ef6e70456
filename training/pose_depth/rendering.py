"""Clips of motion capture as rendered, dressed people before one camera.

Every sequence has its own person, clothes, light, backdrop and camera. Cameras are all around the
person: azimuths are uniform.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from training.datasets.bvh import read_bvh
from training.pose_depth.variation import varied
from training.synthetic.assembly import paint, person_and_props
from training.synthetic.backdrops import Backdrop, sample_backdrop
from training.synthetic.bodies import BodySource, Floats, RestBody
from training.synthetic.camera_effects import develop
from training.synthetic.cameras import Camera, View
from training.synthetic.coco_keypoints import CocoKeypoints
from training.synthetic.composing import Picture, compose
from training.synthetic.fabrics import plain, sample_fabric
from training.synthetic.hair import sample_hair
from training.synthetic.palettes import SKIN_TONES, between
from training.synthetic.props import heading
from training.synthetic.render import Renderer
from training.synthetic.retarget import retarget
from training.synthetic.scene import SHADOW_SOFTNESS
from training.synthetic.shading import Lighting, sample_lighting
from training.synthetic.subjects import Posed, Subject, assemble, pose_subject
from training.synthetic.tailoring import TOPS, Tailor
from training.synthetic.wardrobe import Outfit, choose, dress

SIDE = 256
"""Of the pictures, in pixels: MediaPipe's own crops have as many."""
FRAMES = 8
"""Of a sequence."""
EVERY = (2, 3, 4, 6)
"""One frame in so many of the clip's 30 a second is rendered."""
FIELD_OF_VIEW_DEG = (18.0, 60.0)
LOOKS_DOWN_DEG = (12.0, 16.0, -30.0, 60.0)
"""Angle of the view below the horizon: mean, spread, least, greatest."""
ROLL_DEG = 8.0
"""Spread of the camera's tilt."""
FRAMING = (0.8, 1.0)
"""Share of the picture that the person fills."""
ASIDE = 0.3
"""How far the person may be from the middle, over the room that there is."""
CLOSE_FITTING = 0.65
"""Share of people in a top, trousers and shoes that lie close to the body; others wear anything."""
CLOSE_WIDTH = 0.35
"""Greatest width of such clothes, in [0, 1]."""
_DOWN = np.array([1, -1, -1], np.float32)
"""From the renderer's axes (y up, looking along -z) to those of pictures."""


@dataclass(frozen=True)
class Clip:
    """One recording, brought to SMPL's joints."""

    name: str
    poses: Floats
    """(F, 24, 3) axis-angle."""
    seconds_per_frame: float
    varied: bool = False
    """Whether limbs are turned a little from how they were recorded."""


class RenderedFrame(NamedTuple):
    """A picture and where the person's keypoints are."""

    image: Picture
    """(H, W, 3) RGB."""
    joints: Floats
    """(17, 3) COCO's keypoints in metres, in the camera's axes: x right, y down, z away."""
    keypoints: Floats
    """(17, 2) in pixels."""
    frame_idx: int
    """Of the clip."""
    seconds: float


def read_clips(folder: Path, varied: Callable[[str], bool] = lambda _: False) -> list[Clip]:
    """All clips of a folder, in the order of their names.

    Args:
        folder: Of BVH files.
        varied: Whether a clip of a name is varied, see `training.pose_depth.variation`.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: It holds no clip, or one that cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    clips = []
    for path in sorted(folder.glob("*.bvh")):
        motion = read_bvh(path)
        poses = retarget(motion, path.name)
        clips.append(Clip(path.stem, poses, motion.seconds_per_frame, varied(path.stem)))
    if not clips:
        raise InvalidInputError(f"{folder} holds no .bvh file")
    return clips


class SequenceRenderer:
    """Renders sequences by number; each depends on the seed and its number alone."""

    def __init__(self, seed: int, clips: list[Clip], side: int = SIDE) -> None:
        """Prepare.

        Args:
            seed: Another seed gives other people, clips and cameras.
            clips: Of `read_clips`.
            side: Of the pictures, in pixels.
        """
        self._seed, self._clips, self._size = seed, clips, (side, side)
        self._source = BodySource()
        self._renderer = Renderer("cpu")
        self._coco = CocoKeypoints(self._source.coco_weights)

    def frames(self, number: int, num_frames: int = FRAMES) -> tuple[str, Iterator[RenderedFrame]]:
        """The clip's name, and the frames as they are rendered.

        Args:
            number: Of the sequence.
            num_frames: At most; short clips give fewer.
        """
        rng = np.random.default_rng([self._seed, number])
        clip = self._clips[int(rng.integers(len(self._clips)))]
        every = int(rng.choice(EVERY))
        length = min(num_frames, 1 + (len(clip.poses) - 1) // every)
        first = int(rng.integers(len(clip.poses) - every * (length - 1)))
        places = first + every * np.arange(length)
        body = self._source.sample(rng, female=bool(rng.random() < 0.5))
        subject = assemble(self._source, body, _outfit(rng, self._source, body), self._coco)
        view = _sample_view(rng, self._size)
        poses = clip.poses[places].copy()
        if clip.varied:
            poses = varied(rng, poses, subject.capsules)
        poses[:, 0] = (view.orientation * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
        upright = np.stack(heading(view), axis=1)
        posed = [pose_subject(subject, pose, upright) for pose in poses]
        transl = _place(rng, view, np.concatenate([one.joints for one in posed]))
        ground = min(float(((one.vertices + transl) @ view.up).min()) for one in posed)
        light = sample_lighting(rng)
        softness = rng.uniform(*SHADOW_SOFTNESS)
        backdrop = sample_backdrop(rng, view, ground, -float(transl[2]), light)
        scene = _Surroundings(view, transl, light, softness, backdrop)

        def render() -> Iterator[RenderedFrame]:
            for place, one in zip(places, posed, strict=True):
                image = self._render(subject, one, scene, rng)
                body = one.vertices[: subject.num_body_vertices] + transl
                joints = self._coco.points(body)
                yield RenderedFrame(
                    image,
                    (joints * _DOWN).astype(np.float32),
                    view.camera.project(joints),
                    int(place),
                    float(place * clip.seconds_per_frame),
                )

        return clip.name, render()

    def _render(
        self, subject: Subject, posed: Posed, around: "_Surroundings", rng: np.random.Generator
    ) -> Picture:
        vertices = posed.vertices + around.transl
        scene = person_and_props(subject, posed, vertices, [])
        mesh = self._renderer.load(scene.vertices, scene.faces, scene.ends)
        hits = self._renderer.draw(mesh, around.view.camera)
        shadows = self._renderer.light_map(mesh, around.light.direction)
        seen = self._renderer.interpolate(mesh, hits, scene.at_rest)
        everywhere = np.concatenate([seen[0], around.backdrop.points])
        lit = self._renderer.receive(shadows, everywhere, around.softness)
        on_person, on_ground = np.split(lit, [len(seen[0])])
        shaded = paint(scene, hits, seen, on_person, around.light, self._source.on_eyes)
        everybody = np.ones(len(hits.faces), bool)
        rgb, _ = compose(shaded, hits.pixels, everybody, around.backdrop.lit(on_ground), 1)
        return develop(rng, rgb)


@dataclass(frozen=True)
class _Surroundings:
    """What all frames of a sequence share."""

    view: View
    transl: Floats
    """(3,) of the pelvis from the camera, in the renderer's axes."""
    light: Lighting
    softness: float
    """Width of a shadow's edge, in metres."""
    backdrop: Backdrop


def _outfit(rng: np.random.Generator, source: BodySource, body: RestBody) -> Outfit:
    if rng.random() >= CLOSE_FITTING:
        return dress(source, body, rng)
    tailor = Tailor(source, body, rng, width=rng.uniform(0, CLOSE_WIDTH))
    kind = choose(rng, {name: kind.share for name, kind in TOPS.items()})
    worn = [tailor.shoes(), tailor.trousers(), tailor.top(TOPS[kind], sample_fabric(rng))]
    worn += sample_hair(source, body, rng)
    skin = plain(between(SKIN_TONES, rng), rng)
    return Outfit([garment for garment in worn if garment is not None], skin)


def _sample_view(rng: np.random.Generator, size: tuple[int, int]) -> View:
    fov = np.deg2rad(rng.uniform(*FIELD_OF_VIEW_DEG))
    mean, spread, least, greatest = LOOKS_DOWN_DEG
    down = np.clip(rng.normal(mean, spread), least, greatest)
    ground = Rotation.from_euler("ZX", [rng.normal(0, ROLL_DEG), down], degrees=True)
    person = Rotation.from_euler("Y", rng.uniform(-180, 180), degrees=True)
    up = ground.apply([0.0, 1.0, 0.0]).astype(np.float32)
    focal = float(max(size) / 2 / np.tan(fov / 2))
    return View(Camera(focal, size), ground * person, up, "whole")


def _place(rng: np.random.Generator, view: View, joints: Floats) -> Floats:
    """Where to put a person so that all frames show them: a translation (3,) in metres.

    Args:
        rng: Decides framing and place.
        view: Who looks.
        joints: (N, 3) of all frames around the origin.
    """
    margin = 0.15  # of flesh and clothes around joints, and of the head above its joint
    low, high = joints.min(0) - margin, joints.max(0) + margin
    extent = high - low
    focal, side = view.camera.focal, min(view.camera.size)
    depth = focal / rng.uniform(*FRAMING) * max(extent[0], extent[1]) / side + extent[2] / 2
    slack = np.maximum(side * depth / focal - extent[:2], 0) / 2
    transl: Floats = -(low + high) / 2
    transl[:2] += rng.uniform(-ASIDE, ASIDE, 2) * slack
    transl[2] -= depth
    return transl.astype(np.float32)
