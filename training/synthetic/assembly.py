"""All that is solid before the camera, and the colour of what is seen of it.

V vertices, F triangles, P samples that show something solid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synthetic.bodies import Floats, Ints
from training.synthetic.fabrics import Fabric
from training.synthetic.garments import Garment
from training.synthetic.props import Prop
from training.synthetic.render import AtRest, Hits
from training.synthetic.shading import Lighting, shade
from training.synthetic.subjects import Posed, Subject

EYE_COLOUR = np.array([0.1, 0.07, 0.05], np.float32)


@dataclass(frozen=True)
class SolidScene:
    """In the camera's frame: a person's vertices first, then the props'."""

    vertices: Floats
    """(V, 3)"""
    at_rest: AtRest
    """Patterns are painted on the vertices at rest."""
    faces: Ints
    """(F, 3)"""
    layers: Ints
    """(F,) 0 the body, then 1, 2 ... the garments, then one more for each prop."""
    fabrics: list[Fabric]
    """Of each layer."""
    garments: list[Garment]
    """From the inside out."""
    ends: tuple[int, int, int]
    """Of the body's triangles, of the person's, of all."""


def person_and_props(
    subject: Subject, posed: Posed, vertices: Floats, props: list[Prop]
) -> SolidScene:
    """A person among things.

    Args:
        subject: Who.
        posed: In which pose.
        vertices: (V, 3) where they stand, in the camera's frame.
        props: What else is there.
    """
    outfit = subject.outfit
    fabrics = [outfit.skin, *(garment.fabric for garment in outfit.garments)]
    return _scene(
        ([vertices], [subject.vertices], [subject.normals], [posed.transforms]),
        ([subject.faces], [subject.layers]),
        fabrics,
        outfit.garments,
        (subject.num_body_faces, len(subject.faces)),
        props,
    )


def props_alone(props: list[Prop]) -> SolidScene:
    """Things and nobody; at least one thing."""
    return _scene(([], [], [], []), ([], []), [], [], (0, 0), props)


def _scene(
    moving: tuple[list[Floats], list[Floats], list[Floats], list[Floats]],
    painted: tuple[list[Ints], list[Ints]],
    fabrics: list[Fabric],
    garments: list[Garment],
    ends: tuple[int, int],
    props: list[Prop],
) -> SolidScene:
    vertices, at_rest, normals, transforms = moving
    faces, layers = painted
    start = sum(len(part) for part in vertices)
    for layer, prop in enumerate(props, start=len(fabrics)):
        vertices.append(prop.vertices)
        at_rest.append(prop.local)
        normals.append(prop.normals)
        still = np.eye(3, 4, dtype=np.float32)
        transforms.append(np.broadcast_to(still, (len(prop.vertices), 3, 4)))
        faces.append(prop.faces + start)
        layers.append(np.full(len(prop.faces), layer))
        start += len(prop.vertices)
    rest = AtRest(*(np.concatenate(parts) for parts in (at_rest, normals, transforms)))
    together = np.concatenate(faces)
    return SolidScene(
        np.concatenate(vertices),
        rest,
        together,
        np.concatenate(layers),
        [*fabrics, *(prop.fabric for prop in props)],
        garments,
        (*ends, len(together)),
    )


def paint(
    scene: SolidScene,
    hits: Hits,
    seen: tuple[Floats, Floats, Floats],
    lit: Floats,
    light: Lighting,
    on_eyes: NDArray[np.bool_],
) -> Floats:
    """Colour (P, 3) in sRGB of what is seen.

    Args:
        scene: What is there.
        hits: Which triangles are seen.
        seen: Place, place at rest and unit normal of each sample.
        lit: (P,) how much of the key light arrives.
        light: The lights.
        on_eyes: (F,) bool, which of the body's triangles are the eyeballs'.
    """
    points, rest, normals = seen
    shown = _shown(scene, hits, rest)
    colours = np.empty((len(shown), 3), np.float32)
    gloss = np.empty(len(shown), np.float32)
    for layer, fabric in enumerate(scene.fabrics):
        here = np.flatnonzero(shown == layer)
        colours[here] = fabric.colours_at(rest[here])
        normals[here] = fabric.bend(normals[here], rest[here])
        gloss[here] = fabric.gloss
    skin = np.flatnonzero(hits.faces < scene.ends[0])
    skin = skin[shown[skin] == 0]
    colours[skin[on_eyes[hits.faces[skin]]]] = EYE_COLOUR
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    views = -points / np.linalg.norm(points, axis=1, keepdims=True)
    return shade(colours, normals, views, lit, gloss, light)


def _shown(scene: SolidScene, hits: Hits, rest: Floats) -> Ints:
    """Layer (P,) that each sample is painted as.

    Where an inner layer pokes through an outer one it is painted as the outer one: cloth may cross
    in a wild pose, but skin never shows through. The dressed silhouette always holds the naked one.
    """
    shown = scene.layers[hits.faces].copy()
    for layer, garment in enumerate(scene.garments, start=1):
        beneath = np.flatnonzero(shown < layer)
        shown[beneath[garment.cut(rest[beneath]) > 0]] = layer
    return shown
