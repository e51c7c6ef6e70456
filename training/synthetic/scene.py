"""One person, dressed and naked, before a camera: pictures with exact truth.

H W the picture's size, V vertices, F triangles, P pixels (or samples) that show something solid.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.assembly import SolidScene, paint, person_and_props, props_alone
from training.synthetic.backdrops import sample_backdrop
from training.synthetic.bodies import BodySource, Floats
from training.synthetic.camera_effects import develop
from training.synthetic.cameras import View, place, sample_view
from training.synthetic.coco_keypoints import CocoKeypoints, Seen, locate
from training.synthetic.composing import Picture, compose, silhouette
from training.synthetic.motion import MotionPoses
from training.synthetic.poses import Pose, sample_pose
from training.synthetic.props import Prop, heading, sample_occluder, seat
from training.synthetic.render import Hits, Renderer
from training.synthetic.shading import Lighting, sample_lighting
from training.synthetic.subjects import Subject, assemble, pose_subject
from training.synthetic.surroundings import sample_companions, sample_things
from training.synthetic.wardrobe import dress

MOTION_SHARE = 0.5
"""Of pictures whose pose comes from motion capture where there is any."""
EYE_HEIGHT, EMPTY_DEPTH = (0.3, 2.2), (2.0, 5.0)
"""Of pictures without a person: the camera above the ground, and where things stand, in metres."""
SHADOW_SOFTNESS = (0.01, 0.12)
"""Width of a shadow's edge, in metres."""
_SEATED_ON = [SMPL_24_JOINT_NAMES.index(name) for name in ("pelvis", "left_hip", "right_hip")]
_THIGHS = [
    SMPL_24_JOINT_NAMES.index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("hip", "knee")
]


@dataclass(frozen=True)
class Frame:
    """A rendered picture and its truth. Metres in the camera's frame: X right, Y up, looking -Z."""

    dressed: Picture
    """(H, W, 4) RGBA; alpha is 255 where the dressed person is seen, else 0; the colours are the
    whole picture's, backdrop and what stands in front included."""
    naked: Picture
    """(H, W, 4) RGBA likewise, of the naked body on black, hidden by the same things in front."""
    pose: Floats
    """(72,) axis-angle of SMPL's joints, the first the global orientation."""
    transl: Floats
    """(3,)"""
    joints: Floats
    """(24, 3)"""
    keypoints: Floats
    """(24, 2) pixels, x right and y down."""
    coco_keypoints: Floats
    """(17, 3) pixels x right and y down, and visibility: 1 seen, 0.5 hidden by something in front
    or by the person, 0 outside the picture."""
    hidden: float
    """Share of the body's pixels that something in front hides, in [0, 1]."""


class Synthesizer:
    """Draws people and renders them; a frame depends on nothing but seed, subject and frame."""

    def __init__(self, seed: int, device: str | None = None, poses: Path | None = None) -> None:
        """Prepare.

        Args:
            seed: Another seed gives other people.
            device: Of Warp; a CUDA device where there is one, else the CPU.
            poses: Folder of BVH clips that a share of `MOTION_SHARE` of the poses comes from; all
                are sampled where it is None.

        Raises:
            FileNotFoundError: There is no such folder.
            InvalidInputError: It holds no clip, or one that cannot be read.
        """
        self._poses = None if poses is None else MotionPoses(poses)
        self._seed = seed
        self._source = BodySource()
        self._renderer = Renderer(device)
        self._coco = CocoKeypoints(self._source.coco_weights)

    def subject(self, index: int) -> Subject:
        """Person number `index`, dressed: even numbers are male, odd ones female."""
        rng = np.random.default_rng([self._seed, index])
        body = self._source.sample(rng, female=index % 2 == 1)
        return assemble(self._source, body, dress(self._source, body, rng), self._coco)

    def frame(
        self, subject: Subject, indices: tuple[int, int], size: tuple[int, int], samples: int = 1
    ) -> Frame:
        """One picture of a person.

        Args:
            subject: Who.
            indices: (subject, frame): decide pose, camera, light, props and backdrop.
            size: (height, width) in pixels.
            samples: Rays along each side of a pixel.
        """
        rng = np.random.default_rng([self._seed, *indices, 1])
        view = sample_view(rng, size)
        pose = self._pose(rng, subject)
        axis_angle = pose.axis_angle.copy()
        axis_angle[0] = (view.orientation * pose.lean).as_rotvec()
        posed = pose_subject(subject, axis_angle, np.stack(heading(view), axis=1))
        transl = place(view, posed.vertices[: subject.num_body_vertices], rng)
        light = sample_lighting(rng)
        vertices, joints = posed.vertices + transl, posed.joints + transl
        ground = float((vertices @ view.up).min())
        props = self._props(rng, subject, pose, vertices, joints, ground, view)
        scene = person_and_props(subject, posed, vertices, props)
        drawn = self._draw(rng, scene, view, light, (ground, -float(joints[0, 2])), samples)
        hits = drawn.hits
        coco = locate(
            view.camera,
            self._coco.points(vertices[: subject.num_body_vertices]),
            subject.cover,
            Seen(hits.pixels, hits.faces, drawn.points, samples),
            scene.ends[1],
            scene.faces,
            subject.lbs_weights.numpy(),
        )
        return Frame(
            dressed=np.concatenate([develop(rng, drawn.rgb), drawn.alpha], axis=-1),
            naked=silhouette(hits.naked, samples, subject.outfit.skin.colours[0]),
            pose=axis_angle.reshape(-1),
            transl=transl,
            joints=joints,
            keypoints=view.camera.project(joints),
            coco_keypoints=coco,
            hidden=hits.hidden,
        )

    def empty(self, indices: tuple[int, int], size: tuple[int, int], samples: int = 1) -> Picture:
        """A picture without any person: furniture, animals, plants, things of no kind, a backdrop.

        Args:
            indices: Decide everything; pictures of people with the same indices have nothing of it.
            size: (height, width) in pixels.
            samples: Rays along each side of a pixel.

        Returns:
            (H, W, 3) RGB.
        """
        rng = np.random.default_rng([self._seed, *indices, 2])
        view = sample_view(rng, size)
        light = sample_lighting(rng)
        ground = -rng.uniform(*EYE_HEIGHT)
        scene = props_alone(sample_things(rng, ground, view))
        depth = rng.uniform(*EMPTY_DEPTH)
        return develop(rng, self._draw(rng, scene, view, light, (ground, depth), samples).rgb)

    def _draw(
        self,
        rng: np.random.Generator,
        scene: SolidScene,
        view: View,
        light: Lighting,
        place: tuple[float, float],
        samples: int,
    ) -> "_Drawn":
        """Everything solid before a backdrop; `place` is the ground's height and a depth."""
        mesh = self._renderer.load(scene.vertices, scene.faces, scene.ends)
        hits = self._renderer.draw(mesh, view.camera, samples)
        shadows = self._renderer.light_map(mesh, light.direction)
        softness = rng.uniform(*SHADOW_SOFTNESS)
        points, rest, normals = self._renderer.interpolate(mesh, hits, scene.at_rest)
        backdrop = sample_backdrop(rng, view, *place, light)
        lit = self._renderer.receive(shadows, np.concatenate([points, backdrop.points]), softness)
        on_things, on_ground = np.split(lit, [len(points)])
        seen = (points, rest, normals)
        shaded = paint(scene, hits, seen, on_things, light, self._source.on_eyes)
        is_person = hits.faces < scene.ends[1]
        behind = backdrop.lit(on_ground)
        return _Drawn(*compose(shaded, hits.pixels, is_person, behind, samples), hits, points)

    def _pose(self, rng: np.random.Generator, subject: Subject) -> Pose:
        if self._poses is not None and rng.random() < MOTION_SHARE:
            return self._poses.sample(rng, subject.capsules)
        return sample_pose(rng, subject.capsules)

    def _props(
        self,
        rng: np.random.Generator,
        subject: Subject,
        pose: Pose,
        vertices: Floats,
        joints: Floats,
        ground: float,
        view: View,
    ) -> list[Prop]:
        body = vertices[: subject.num_body_vertices]
        props = []
        if pose.seated:
            below = body[np.isin(self._source.dominant, _SEATED_ON)]
            props.append(seat(rng, below, joints[_THIGHS], ground, view))
        props += sample_companions(rng, joints, pose.seated, ground, view)
        occluder = sample_occluder(rng, body, ground, view)
        return props if occluder is None else [*props, occluder]


@dataclass(frozen=True)
class _Drawn:
    """A picture and what its samples show."""

    rgb: Floats
    """(H, W, 3) in sRGB."""
    alpha: Picture
    """(H, W, 1) of the dressed person."""
    hits: Hits
    points: Floats
    """(P, 3) of the samples that show something solid."""
