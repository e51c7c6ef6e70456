"""Joints of other regressors' meshes, and detected keypoints, as JSON or NPZ, to observations.

N meshes, K points.
"""

import io
import zipfile

import numpy as np
from jaxtyping import Float

from app.codecs.npy import decode_array
from app.schemas.mesh_confidence import MAX_MESHES, MeshConfidenceRequest
from model.errors import InvalidInputError, UnsupportedFormatError
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.joints import to_joints

MAX_POINTS = 49
MAX_MEMBER_BYTES = 4 * MAX_MESHES * MAX_POINTS * 3 * 8
ARRAYS = {"projected": "(N, K, 2)", "detected": "(N, K, 3)", "crop": "(N, 3)"}
REQUIRED = ("projected", "detected")


def observations_of_json(request: MeshConfidenceRequest) -> list[MeshObservation]:
    """Of one mesh.

    Args:
        request: With joints.

    Raises:
        InvalidInputError: No known skeleton has so many points.
    """
    crop = None
    if request.crop is not None:
        crop = np.array([*request.crop.centre, request.crop.side], np.float32)
    projected = np.array([request.projected], np.float32)
    detected = np.array([request.detected], np.float32)
    return observations(projected, detected, None if crop is None else crop[None])


def observations_of_npz(data: bytes) -> list[MeshObservation]:
    """Of the arrays `projected`, `detected` and perhaps `crop`, of one mesh or of several.

    Raises:
        UnsupportedFormatError: It is no NPZ file.
        InvalidInputError: It is damaged, or its arrays are others.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            _check_names(members)
            arrays = {}
            for name, info in members.items():
                if info.file_size > MAX_MEMBER_BYTES:
                    raise InvalidInputError(
                        f"{name} has {info.file_size:,} bytes; {MAX_MEMBER_BYTES:,} are read"
                    )
                with archive.open(info) as member:
                    arrays[name] = _array(member.read(MAX_MEMBER_BYTES + 1), name)
    except zipfile.BadZipFile as error:
        raise UnsupportedFormatError(
            "the body is no NPZ file; numpy.savez writes one that is read"
        ) from error
    except (EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidInputError(f"the NPZ file is damaged: {error}") from error
    return observations(arrays["projected"], arrays["detected"], arrays.get("crop"))


def _check_names(members: dict[str, zipfile.ZipInfo]) -> None:
    for name in REQUIRED:
        if name not in members:
            shown = ", ".join(sorted(members)[:5]) or "nothing"
            raise InvalidInputError(f"the NPZ file holds {shown}; {name} is needed")
    if unknown := sorted(members.keys() - ARRAYS.keys()):
        raise InvalidInputError(
            f"the NPZ file holds {unknown[0][:40]!r}, which is not known; {', '.join(ARRAYS)} are"
        )


def _array(data: bytes, name: str) -> Float[np.ndarray, "..."]:
    """One array, as of N meshes."""
    wanted = ARRAYS[name]
    num_axes, last = wanted.count(",") + 1, int(wanted.rstrip(")")[-1])

    def fits(shape: tuple[int, ...]) -> bool:
        per_mesh = shape[1:] if len(shape) == num_axes else shape
        return (
            len(shape) in (num_axes, num_axes - 1)
            and shape[-1] == last
            and (len(shape) < num_axes or 1 <= shape[0] <= MAX_MESHES)
            and all(1 <= size <= MAX_POINTS for size in per_mesh)
        )

    array = decode_array(data, name, fits, f"{wanted}, N up to {MAX_MESHES},")
    return (array if array.ndim == num_axes else array[None]).astype(np.float32)


def observations(
    projected: Float[np.ndarray, "N K 2"],
    detected: Float[np.ndarray, "N L 3"],
    crop: Float[np.ndarray, "N 3"] | None,
) -> list[MeshObservation]:
    """Observations of N meshes.

    Raises:
        InvalidInputError: The arrays are of different numbers of meshes, a score is negative, or no
            known skeleton has so many points.
    """
    numbers = {len(projected), len(detected), len(projected if crop is None else crop)}
    if len(numbers) > 1:
        raise InvalidInputError(
            f"the arrays are of {' and '.join(map(str, sorted(numbers)))} meshes; they must be of "
            "the same ones"
        )
    if (np.nan_to_num(detected[..., 2]) < 0).any():
        raise InvalidInputError("detected has a negative score; 0 to 1 are allowed")
    meshes = to_joints(projected, "projected")
    keypoints = to_joints(detected, "detected")
    crops = [None] * len(meshes) if crop is None else list(crop)
    return [
        MeshObservation(mesh, points, square)
        for mesh, points, square in zip(meshes, keypoints, crops, strict=True)
    ]
