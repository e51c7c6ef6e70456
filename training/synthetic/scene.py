"""One person, dressed and naked, before a camera: pictures with exact truth.

H W the picture's size, V vertices, F triangles, P pixels (or samples) that show something solid.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.backdrops import sample_backdrop
from training.synthetic.bodies import BodySource, Floats, Ints
from training.synthetic.camera_effects import develop
from training.synthetic.cameras import View, place, sample_view
from training.synthetic.coco_keypoints import CocoKeypoints, Seen, locate
from training.synthetic.composing import Picture, compose, silhouette
from training.synthetic.motion import MotionPoses
from training.synthetic.poses import Pose, sample_pose
from training.synthetic.props import Prop, sample_occluder, seat
from training.synthetic.render import AtRest, Hits, Renderer
from training.synthetic.shading import Lighting, sample_lighting, shade
from training.synthetic.subjects import Posed, Subject, assemble, pose_subject
from training.synthetic.wardrobe import dress

EYE_COLOUR = np.array([0.1, 0.07, 0.05], np.float32)
MOTION_SHARE = 0.5
"""Of pictures whose pose comes from motion capture where there is any."""
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


@dataclass(frozen=True)
class _Scene:
    """All that is solid, in the camera's frame: the person's vertices first, then the props'."""

    subject: Subject
    props: list[Prop]
    vertices: Floats
    """(V, 3)"""
    at_rest: AtRest
    """Patterns are painted on the vertices at rest."""
    faces: Ints
    """(F, 3)"""
    layers: Ints
    """(F,) the subject's, then one more for each prop."""


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
        self._coco = CocoKeypoints(np.unique(self._source.faces))

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
        posed = pose_subject(subject, axis_angle, _heading(view))
        transl = place(view, posed.vertices[: subject.num_body_vertices], rng)
        light = sample_lighting(rng)
        vertices, joints = posed.vertices + transl, posed.joints + transl
        ground = float((vertices @ view.up).min())
        props = self._props(rng, subject, pose, vertices, joints, ground, view)
        scene = _gather(subject, props, vertices, posed)
        ends = (subject.num_body_faces, len(subject.faces), len(scene.faces))
        mesh = self._renderer.load(scene.vertices, scene.faces, ends)
        hits = self._renderer.draw(mesh, view.camera, samples)
        shadows = self._renderer.light_map(mesh, light.direction)
        softness = rng.uniform(*SHADOW_SOFTNESS)
        points, rest, normals = self._renderer.interpolate(mesh, hits, scene.at_rest)
        coco = self._coco_keypoints(
            subject, scene, view, Seen(hits.pixels, hits.faces, points, samples)
        )
        backdrop = sample_backdrop(rng, view, ground, -float(joints[0, 2]), light)
        lit = self._renderer.receive(shadows, np.concatenate([points, backdrop.points]), softness)
        on_things, on_ground = np.split(lit, [len(points)])
        shaded = self._shaded(scene, hits, (points, rest, normals), on_things, light)
        behind = backdrop.lit(on_ground)
        rgb, alpha = compose(shaded, hits.pixels, hits.faces < len(subject.faces), behind, samples)
        return Frame(
            dressed=np.concatenate([develop(rng, rgb), alpha], axis=-1),
            naked=silhouette(hits.naked, samples, subject.outfit.skin.colours[0]),
            pose=axis_angle.reshape(-1),
            transl=transl,
            joints=joints,
            keypoints=view.camera.project(joints),
            coco_keypoints=coco,
            hidden=hits.hidden,
        )

    def _pose(self, rng: np.random.Generator, subject: Subject) -> Pose:
        if self._poses is not None and rng.random() < MOTION_SHARE:
            return self._poses.sample(rng, subject.capsules)
        return sample_pose(rng, subject.capsules)

    def _coco_keypoints(self, subject: Subject, scene: _Scene, view: View, seen: Seen) -> Floats:
        body = scene.vertices[: subject.num_body_vertices]
        return locate(
            view.camera,
            self._coco.points(body),
            subject.cover,
            seen,
            len(subject.faces),
            scene.faces,
            subject.lbs_weights.numpy(),
        )

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
        occluder = sample_occluder(rng, body, ground, view)
        return props if occluder is None else [*props, occluder]

    def _shaded(
        self,
        scene: _Scene,
        hits: Hits,
        seen: tuple[Floats, Floats, Floats],
        lit: Floats,
        light: Lighting,
    ) -> Floats:
        """Colour (P, 3) in sRGB of what is seen: place, place at rest, unit normal."""
        points, rest, normals = seen
        shown = _shown(scene, hits, rest)
        colours = np.empty((len(shown), 3), np.float32)
        gloss = np.empty(len(shown), np.float32)
        outfit = scene.subject.outfit
        fabrics = [outfit.skin, *(garment.fabric for garment in outfit.garments)]
        for layer, fabric in enumerate([*fabrics, *(prop.fabric for prop in scene.props)]):
            here = np.flatnonzero(shown == layer)
            colours[here] = fabric.colours_at(rest[here])
            normals[here] = fabric.bend(normals[here], rest[here])
            gloss[here] = fabric.gloss
        skin = np.flatnonzero(shown == 0)
        colours[skin[self._source.on_eyes[hits.faces[skin]]]] = EYE_COLOUR
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        views = -points / np.linalg.norm(points, axis=1, keepdims=True)
        return shade(colours, normals, views, lit, gloss, light)


def _gather(subject: Subject, props: list[Prop], vertices: Floats, posed: Posed) -> _Scene:
    if not props:
        at_rest = AtRest(subject.vertices, subject.normals, posed.transforms)
        return _Scene(subject, props, vertices, at_rest, subject.faces, subject.layers)
    still = np.tile(np.eye(3, 4, dtype=np.float32), (sum(len(p.vertices) for p in props), 1, 1))
    faces, layers, start = [subject.faces], [subject.layers], len(vertices)
    for layer, prop in enumerate(props, start=len(subject.outfit.garments) + 1):
        faces.append(prop.faces + start)
        layers.append(np.full(len(prop.faces), layer))
        start += len(prop.vertices)
    return _Scene(
        subject,
        props,
        np.concatenate([vertices, *(prop.vertices for prop in props)]),
        AtRest(
            np.concatenate([subject.vertices, *(prop.local for prop in props)]),
            np.concatenate([subject.normals, *(prop.normals for prop in props)]),
            np.concatenate([posed.transforms, still]),
        ),
        np.concatenate(faces),
        np.concatenate(layers),
    )


def _shown(scene: _Scene, hits: Hits, rest: Floats) -> Ints:
    """Layer (P,) that each pixel is painted as.

    Where an inner layer pokes through an outer one it is painted as the outer one: cloth may cross
    in a wild pose, but skin never shows through. The dressed silhouette always holds the naked one.
    """
    shown = scene.layers[hits.faces].copy()
    for layer, garment in enumerate(scene.subject.outfit.garments, start=1):
        beneath = np.flatnonzero(shown < layer)
        shown[beneath[garment.cut(rest[beneath]) > 0]] = layer
    return shown


def _heading(view: View) -> Floats:
    """Upright, turned like the person: a rotation (3, 3)."""
    ahead = view.orientation.apply([0.0, 0.0, 1.0])
    ahead -= (ahead @ view.up) * view.up
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(view.up, ahead), view.up, ahead], axis=1)
