"""One person, dressed and naked, before a camera: pictures with exact truth.

H W the picture's size, V vertices of the body, S of all its clothes, P pixels that show the person.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.body.kinematics import forward_kinematics, rest_to_posed
from model.body.rotation import axis_angle_to_matrix
from model.body.skinning import linear_blend_skinning
from model.skeletons import SMPL_24_PARENTS
from training.synthetic.backdrops import sample_backdrop
from training.synthetic.bodies import BodySource, Floats, Ints, RestBody, vertex_normals
from training.synthetic.cameras import place, sample_view
from training.synthetic.poses import sample_pose
from training.synthetic.render import Hits, Renderer
from training.synthetic.shading import sample_lighting, shade
from training.synthetic.wardrobe import Outfit, Tailor

EYE_COLOUR = np.array([0.1, 0.07, 0.05], np.float32)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """A dressed person in T-pose, ready to be posed: body first, then each garment."""

    body: RestBody
    outfit: Outfit
    vertices: Floats
    """(V + S, 3)"""
    normals: Floats
    """(V + S, 3)"""
    lbs_weights: torch.Tensor
    """(V + S, 24)"""
    faces: Ints
    """All triangles."""
    layers: Ints
    """Of each triangle: 0 the body, then 1, 2 ... the garments from the inside out."""
    num_body_vertices: int


@dataclass(frozen=True)
class Frame:
    """A rendered picture and its truth. Metres in the camera's frame: X right, Y up, looking -Z."""

    dressed: Picture
    """(H, W, 4) RGBA; alpha is 255 on the dressed person, else 0; the colours hold the backdrop."""
    naked: Picture
    """(H, W, 4) RGBA likewise, of the naked body on black."""
    pose: Floats
    """(72,) axis-angle of SMPL's joints, the first the global orientation."""
    transl: Floats
    """(3,)"""
    joints: Floats
    """(24, 3)"""
    keypoints: Floats
    """(24, 2) pixels, x right and y down."""


class Synthesizer:
    """Draws people and renders them; a frame depends on nothing but seed, subject and frame."""

    def __init__(self, seed: int, device: str | None = None) -> None:
        """Prepare.

        Args:
            seed: Another seed gives other people.
            device: Of Warp; a CUDA device where there is one, else the CPU.
        """
        self._seed = seed
        self._source = BodySource()
        self._tailor = Tailor(self._source)
        self._renderer = Renderer(device)

    def subject(self, index: int) -> Subject:
        """Person number `index`, dressed: even numbers are male, odd ones female."""
        rng = np.random.default_rng([self._seed, index])
        body = self._source.sample(rng, female=index % 2 == 1)
        outfit = self._tailor.dress(body, rng)
        shell = self._source.body
        surface = (shell.weights @ body.vertices).astype(np.float32)
        vertices, normals = [surface], [vertex_normals(surface, shell.faces)]
        weights, faces = [shell.lbs_weights], [shell.faces]
        for garment in outfit.garments:
            faces.append(garment.faces + sum(len(part) for part in vertices))
            vertices.append(garment.vertices)
            normals.append(garment.normals)
            weights.append(garment.lbs_weights)
        return Subject(
            body,
            outfit,
            np.concatenate(vertices),
            np.concatenate(normals),
            torch.from_numpy(np.concatenate(weights)),
            np.concatenate(faces),
            np.repeat(np.arange(len(faces)), [len(part) for part in faces]),
            len(surface),
        )

    def frame(
        self, subject: Subject, indices: tuple[int, int], size: tuple[int, int], samples: int = 1
    ) -> Frame:
        """One picture of a person.

        Args:
            subject: Who.
            indices: (subject, frame): decide pose, camera, light and backdrop.
            size: (height, width) in pixels.
            samples: Rays along each side of a pixel.
        """
        rng = np.random.default_rng([self._seed, *indices, 1])
        view = sample_view(rng, size)
        pose = sample_pose(rng)
        pose[0] = view.orientation.as_rotvec()
        vertices, normals, joints = _pose(subject, pose)
        transl = place(view.camera, vertices[: subject.num_body_vertices], rng)
        vertices, joints = vertices + transl, joints + transl
        light = sample_lighting(rng)
        body, cloth = np.split(vertices, [subject.num_body_vertices])
        num_body_faces = int(np.searchsorted(subject.layers, 1))
        cloth_faces = subject.faces[num_body_faces:] - subject.num_body_vertices
        surfaces = ((body, self._source.body.faces), (cloth, cloth_faces))
        hits = self._renderer.cast(*surfaces, view.camera, light.direction, samples)
        corners = subject.faces[hits.faces]
        points = _interpolate(vertices, corners, hits)
        seen = _interpolate(normals, corners, hits)
        colours, gloss = self._surface(subject, corners, hits)
        shaded = shade(
            colours,
            seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6),
            -points / np.linalg.norm(points, axis=1, keepdims=True),
            hits.lit.astype(np.float32),
            gloss,
            light,
        )
        backdrop = sample_backdrop(rng, size)
        return Frame(
            dressed=_compose(shaded, hits.pixels, backdrop, samples),
            naked=_naked(hits, size, samples, subject.outfit.skin.colours[0]),
            pose=pose.reshape(-1),
            transl=transl,
            joints=joints,
            keypoints=view.camera.project(joints),
        )

    def _surface(self, subject: Subject, corners: Ints, hits: Hits) -> tuple[Floats, Floats]:
        """Colour (P, 3) and gloss (P,) of what is seen.

        Where an inner layer pokes through an outer one it is painted as the outer one: cloth may
        cross in a wild pose, but skin never shows through, so the dressed silhouette always holds
        the naked one.
        """
        rest = _interpolate(subject.vertices, corners, hits)
        shown = subject.layers[hits.faces].copy()
        for layer, garment in enumerate(subject.outfit.garments, start=1):
            beneath = shown < layer
            covered = garment.cut(rest[beneath]) > 0
            shown[np.flatnonzero(beneath)[covered]] = layer
        colours = np.empty((len(shown), 3), np.float32)
        gloss = np.empty(len(shown), np.float32)
        fabrics = [subject.outfit.skin, *(garment.fabric for garment in subject.outfit.garments)]
        for layer, fabric in enumerate(fabrics):
            here = shown == layer
            colours[here] = fabric.colours_at(rest[here])
            gloss[here] = fabric.gloss
        skin = np.flatnonzero(shown == 0)
        colours[skin[self._source.on_eyes[hits.faces[skin]]]] = EYE_COLOUR
        return colours, gloss


def _pose(subject: Subject, pose: Floats) -> tuple[Floats, Floats, Floats]:
    """Posed vertices, normals and joints around the origin."""
    rest = torch.from_numpy(subject.body.joints)[None]
    rotations = axis_angle_to_matrix(torch.from_numpy(pose.astype(np.float32)))[None]
    world = forward_kinematics(rotations, rest, SMPL_24_PARENTS)
    transforms = rest_to_posed(world, rest)
    vertices = torch.from_numpy(subject.vertices)[None]
    moved = linear_blend_skinning(vertices, transforms, subject.lbs_weights)
    transforms[..., :3, 3] = 0
    normals = linear_blend_skinning(
        torch.from_numpy(subject.normals)[None], transforms, subject.lbs_weights
    )
    return moved[0].numpy(), normals[0].numpy(), world[0, :, :3, 3].numpy()


def _interpolate(values: Floats, corners: Ints, hits: Hits) -> Floats:
    mixed: Floats = np.einsum("pc,pcd->pd", hits.barycentric, values[corners])
    return mixed


def _compose(shaded: Floats, pixels: Ints, backdrop: Floats, samples: int) -> Picture:
    """Person before backdrop, sample by sample; alpha by majority."""
    height, width = backdrop.shape[:2]
    fine = np.zeros((height * samples * width * samples, 4), np.float32)
    fine[pixels, :3] = shaded
    fine[pixels, 3] = 1
    mean = _mean(fine.reshape(height * samples, width * samples, 4), samples)
    inside = mean[..., 3:] >= 0.5
    # Under the silhouette the colour is the person's alone, so that the alpha can be laid over
    # another backdrop without a halo.
    person = mean[..., :3] / np.maximum(mean[..., 3:], 1e-6)
    rgb = np.where(inside, person, backdrop)
    return _bytes(np.concatenate([rgb, inside], axis=-1))


def _naked(hits: Hits, size: tuple[int, int], samples: int, colour: Floats) -> Picture:
    inside = _mean(hits.naked[..., None].astype(np.float32), samples) >= 0.5
    assert inside.shape[:2] == size
    return _bytes(np.concatenate([inside * colour, inside], axis=-1))


def _mean(fine: Floats, samples: int) -> Floats:
    height, width, channels = fine.shape
    blocks = fine.reshape(height // samples, samples, width // samples, samples, channels)
    mean: Floats = blocks.mean((1, 3))
    return mean


def _bytes(values: Floats) -> Picture:
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
