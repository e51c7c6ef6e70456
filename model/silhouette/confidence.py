"""The silhouette confidence map: what it is, and a picture weighted by it.

H W the picture's size, N its pixels of cloth.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped, UInt8

from model.errors import InvalidInputError
from model.silhouette.distance import squared_distances

DEFAULT_SIGMA = 4.0
"""Standard deviation of the decay in cloth, in pixels, for a picture of 256 pixels.

About 3 cm on a person who fills the picture: cloth that lies on the body keeps most of its
confidence, a coat's tail or a wide skirt loses all of it.
"""
DEFAULT_SIGMA_FRACTION = DEFAULT_SIGMA / 256
"""The same, as a fraction of the picture's longer side."""

_FADED = 150 * math.log(2)
"""Half of float32's smallest number is 2^-150: exp(-x) is 0 in float32 from this x on."""


def sigma_for(size: tuple[int, int], fraction: float = DEFAULT_SIGMA_FRACTION) -> float:
    """Sigma in pixels that is the same fraction of the longer side at any resolution.

    Args:
        size: (height, width) of the picture.
        fraction: Sigma over the longer side.
    """
    return max(size) * fraction


def silhouette_mask(mask: Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "H W"]:
    """Any of the forms in which silhouettes are stored, as booleans: inside from a half up.

    (H, W, 4): RGBA, inside where alpha is at least half of opaque; SHADER stores its silhouettes
    so, and its colours may be black inside. (H, W) or (H, W, 1), whether 0/1, 0/255 or soft: inside
    where it is at least half of its own largest value. A soft edge is what covers a pixel in part:
    from a half up the silhouette keeps its area, also when it has been made smaller.

    Raises:
        InvalidInputError: Another shape (RGB without alpha holds no silhouette), or NaN.
    """
    if mask.ndim == 3 and mask.shape[-1] == 4:
        return alpha_mask(mask[..., 3])
    if mask.ndim == 3 and mask.shape[-1] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise InvalidInputError(
            f"mask has shape {mask.shape}; (H, W), (H, W, 1) or RGBA (H, W, 4) is needed"
        )
    if np.issubdtype(mask.dtype, np.floating) and np.isnan(mask).any():
        raise InvalidInputError("mask holds NaN; finite numbers are needed")
    if mask.dtype == bool:
        return mask.astype(bool)
    inside: Bool[np.ndarray, "H W"] = (mask > 0) & (mask >= mask.max(initial=0) / 2)
    return inside


def alpha_mask(alpha: Shaped[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Inside where alpha is at least half of opaque.

    Args:
        alpha: Opaque is 65535 of uint16, 255 of another integer, 1 of a float or bool.
    """
    half = 0.5
    if np.issubdtype(alpha.dtype, np.integer):
        half = 2**15 if alpha.dtype == np.uint16 else 2**7
    inside: Bool[np.ndarray, "H W"] = alpha >= half
    return inside


def silhouette_confidence(
    naked: Shaped[np.ndarray, "..."],
    dressed: Shaped[np.ndarray, "..."],
    sigma: float = DEFAULT_SIGMA,
) -> Float32[np.ndarray, "H W"]:
    """How surely each pixel shows the body: 1 inside it, fading with distance inside cloth, else 0.

    In cloth (dressed and not body), with d the Euclidean distance to the nearest body pixel, the
    value is exp(-d^2 / 2 sigma^2) divided by its own maximum over the cloth, in [0, 1].

    Without cloth the map is the body. Without a body there is nothing to be near to: all zeros.
    Body pixels outside the dressed silhouette are 1 like any other.

    Args:
        naked: Silhouette of the body, in any form that `silhouette_mask` reads.
        dressed: Silhouette of the dressed person, likewise, of the same size.
        sigma: In pixels; `sigma_for` gives one that is independent of the resolution.

    Raises:
        InvalidInputError: The sizes differ, or a mask cannot be read.
        ValueError: `sigma` is not positive.
    """
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; it must be positive")
    body = silhouette_mask(naked)
    person = silhouette_mask(dressed)
    if body.shape != person.shape:
        raise InvalidInputError(
            f"the naked mask is {body.shape} and the dressed one {person.shape}; "
            "they must have the same size"
        )
    confidence = body.astype(np.float32)
    cloth = person & ~body
    if body.any() and cloth.any():
        # All cloth and all that can be nearest to it; the rest of the picture is most of the work.
        window = _box(body | cloth)
        reach = _reach(body[window], cloth[window], sigma)
        squared = squared_distances(body[window], cloth[window], reach)
        # The maximum is at the smallest distance. Subtracting in the exponent is the same division,
        # without the 0/0 where all cloth is many sigmas away.
        beyond = squared - squared.min()
        decay = np.exp(-np.arange(beyond.max() + 1.0) / (2 * sigma**2)).astype(np.float32)
        confidence[window][cloth[window]] = decay[beyond]
    return confidence


def person_sigma(silhouette: Bool[np.ndarray, "H W"]) -> float:
    """Sigma in pixels for a person: a fraction of the longer side of their box, wherever they are.

    It is about 3 cm on a standing person, near and far; `sigma_for` of the picture is that of a
    person who fills it. The picture's own where the silhouette is empty.
    """
    if not silhouette.any():
        return sigma_for((silhouette.shape[0], silhouette.shape[1]))
    rows, columns = _box(silhouette)
    return sigma_for((int(rows.stop - rows.start), int(columns.stop - columns.start)))


def person_confidence(
    naked: Bool[np.ndarray, "H W"], dressed: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W"]:
    """The confidence map of one person, with the sigma of their own size.

    Args:
        naked: Silhouette of the body.
        dressed: Silhouette of the dressed person.
    """
    return silhouette_confidence(naked, dressed, person_sigma(naked | dressed))


def _reach(body: Bool[np.ndarray, "H W"], cloth: Bool[np.ndarray, "H W"], sigma: float) -> int:
    """Distance in pixels from which on the confidence is 0 in float32; the picture's at most."""
    farthest = sum(side**2 for side in body.shape)
    touching = (body[:, 1:] & cloth[:, :-1]) | (body[:, :-1] & cloth[:, 1:])
    nearest = 1 if touching.any() else farthest
    return math.isqrt(int(min(nearest + 2 * sigma**2 * _FADED, farthest))) + 1


def _box(mask: Bool[np.ndarray, "H W"]) -> tuple[slice, slice]:
    """The smallest part of the picture that holds all that is set."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def weight_image(
    image: UInt8[np.ndarray, "H W 3"], confidence: Float[np.ndarray, "_ _"]
) -> Float32[np.ndarray, "H W 3"]:
    """The picture in [0, 1], each pixel multiplied by its confidence.

    Raises:
        InvalidInputError: The sizes differ.
    """
    if image.shape[:2] != confidence.shape:
        raise InvalidInputError(
            f"image is {image.shape[:2]} and the confidence {confidence.shape}; "
            "they must have the same size"
        )
    scaled = image.astype(np.float32) / np.float32(255)
    return scaled * confidence.astype(np.float32)[..., None]
