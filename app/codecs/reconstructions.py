"""Reconstructed people in every format of `POST /reconstruct`."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from app.codecs import encoding
from app.codecs.media_types import GLB, JSON, NPZ, PNG
from app.codecs.overlay import SeenMesh, draw_meshes
from app.codecs.png import encode_png
from app.codecs.rigged_mesh import Rig, rigged_glb
from app.codecs.trust_legend import with_legend
from app.schemas.clothing import ClothingMap
from app.schemas.mesh_confidence import MeshTrust
from app.schemas.reconstruction import ReconstructionUnits
from app.schemas.silhouette import keypoints_of
from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyMesh, BodyParameters
from model.clothing.predictor import ClothingSegmentation
from model.mesh_confidence.colours import trust_colours, vertex_values
from model.mesh_confidence.joints import JOINT_NAMES
from model.mesh_confidence.predictor import MeshConfidence
from model.reconstruction.result import Reconstruction
from model.silhouette.predictor import SilhouetteConfidence

_UNITS = {measurement.name: measurement.unit for measurement in MEASUREMENTS}


@dataclass(frozen=True)
class SeenPhoto:
    """A photo, and what was asked to be sent with it."""

    image: UInt8[np.ndarray, "H W 3"]
    confidence: SilhouetteConfidence | None
    clothing: ClothingSegmentation | None


@dataclass(frozen=True)
class ReconstructedPhotos:
    """People and their photos."""

    photos: tuple[SeenPhoto, ...]
    people: tuple[Reconstruction, ...]
    photo_of: tuple[int, ...]
    """Of each person, the number of the photo."""
    rig: Rig
    """Of the body asset."""
    with_vertices: bool
    timing_ms: Mapping[str, float]
    t_pose: BodyMesh | None = None
    """Of the first person, where a rigged file is wanted."""
    trust: tuple[MeshConfidence, ...] | None = None
    """Of each person, where there is a judge of meshes."""
    coloured: bool = False
    """Whether meshes have the colours of their trust, which is there then."""


def _json(found: ReconstructedPhotos) -> bytes:
    first, *others = found.photos
    several = {"photos": [_photo(photo) for photo in found.photos]} if others else {}
    answer = {
        "height": first.image.shape[0],
        "width": first.image.shape[1],
        "people": [_person(number, found) for number in range(len(found.people))],
        **({} if others else _maps(first)),
        **several,
        "units": ReconstructionUnits().model_dump(),
        "timing_ms": dict(found.timing_ms),
    }
    return encoding.json_bytes(answer)


def _photo(photo: SeenPhoto) -> dict[str, Any]:
    height, width = photo.image.shape[:2]
    return {"height": height, "width": width, **_maps(photo)}


def _maps(photo: SeenPhoto) -> dict[str, Any]:
    maps: dict[str, Any] = {}
    if photo.confidence is not None:
        png = encoding.unit_png(photo.confidence.confidence)
        maps["confidence_png_base64"] = base64.b64encode(png).decode()
    if photo.clothing is not None:
        grouped = ClothingMap.of(photo.clothing.grouped, photo.clothing.grouped_score, "grouped")
        maps["clothing"] = grouped.model_dump()
    return maps


def _person(number: int, found: ReconstructedPhotos) -> dict[str, Any]:
    person = found.people[number]
    described: dict[str, Any] = {
        "photo": found.photo_of[number],
        "box": _rounded(person.box, 1),
        "keypoints": [point.model_dump() for point in keypoints_of(person.keypoints)],
        "betas": {"mean": _rounded(person.betas, 4), "std": _rounded(person.betas_std, 4)},
        "body_pose": _rounded(person.body_pose, 5),
        "global_orient": _rounded(person.global_orient, 5),
        "transl": _rounded(person.transl, 4),
        "camera": {"focal_px": round(person.focal_px, 2), "centre_px": person.centre_px},
        "joints": _rounded(person.joints, 4),
        "joint_names": found.rig.topology.joint_names,
        "measurements": {
            one.name: {
                "value": round(one.value, 5),
                "low": round(one.low, 5),
                "high": round(one.high, 5),
                "unit": _UNITS[one.name],
            }
            for one in person.measurements
        },
        "warnings": [{"code": one.code, "detail": one.detail} for one in person.warnings],
    }
    if found.trust is not None:
        described["trust"] = MeshTrust.of(found.trust[number]).model_dump()
    if found.with_vertices:
        described["vertices"] = _rounded(person.vertices, 4)
    return described


def _npz(found: ReconstructedPhotos) -> bytes:
    people = found.people
    names = ("box", "keypoints", "betas", "betas_std", "body_pose", "global_orient", "transl")
    arrays: dict[str, Any] = {
        name: np.stack([getattr(person, name) for person in people])
        for name in (*names, "focal_px", "centre_px", "joints", "vertices")
    }
    arrays |= {
        "photo": np.array(found.photo_of),
        "faces": found.rig.topology.faces,
        "joint_names": np.array(found.rig.topology.joint_names),
        "measurement_names": np.array([one.name for one in people[0].measurements]),
        "measurements": np.array(
            [[(one.value, one.low, one.high) for one in person.measurements] for person in people]
        ),
    }
    if found.trust is not None:
        arrays |= {
            "trust_mesh": np.array([one.mesh for one in found.trust]),
            "trust_joints": np.stack([one.joints for one in found.trust]),
            "trust_joint_names": np.array(JOINT_NAMES),
        }
    for number, photo in enumerate(found.photos):
        if photo.confidence is not None:
            arrays[f"confidence_{number}"] = photo.confidence.confidence
        if photo.clothing is not None:
            arrays[f"clothing_{number}"] = photo.clothing.grouped
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _glb(found: ReconstructedPhotos) -> bytes:
    assert found.t_pose is not None
    person = found.people[0]
    parameters = BodyParameters(person.betas, person.body_pose, person.global_orient)
    return rigged_glb(found.t_pose, found.rig, parameters, _colours(found, 0))


def _png(found: ReconstructedPhotos) -> bytes:
    meshes = [
        SeenMesh(person.vertices, person.focal_px, person.centre_px, _colours(found, number))
        for number, person in enumerate(found.people)
    ]
    drawn = draw_meshes(found.photos[0].image, meshes, found.rig.topology)
    return encode_png(with_legend(drawn) if found.coloured else drawn)


def _colours(found: ReconstructedPhotos, number: int) -> UInt8[np.ndarray, "V 3"] | None:
    """Of a person's vertices, by trust; None where none are wanted."""
    if not found.coloured:
        return None
    assert found.trust is not None
    return trust_colours(vertex_values(found.trust[number].joints, found.rig.lbs_weights))


def _rounded(values: np.ndarray, digits: int) -> np.ndarray:
    return np.ascontiguousarray(values.astype(np.float64).round(digits))


ENCODERS = {JSON: _json, GLB: _glb, PNG: _png, NPZ: _npz}
ONE_PHOTO = (PNG,)
"""The formats that show one photo."""
ONE_BODY = (GLB,)
"""The formats that hold one body."""
