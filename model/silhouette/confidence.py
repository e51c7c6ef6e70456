"""The silhouette confidence map: what it is, and a picture weighted by it.

H W the picture's size, N its pixels of cloth.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Shaped, UInt8
from scipy.ndimage import distance_transform_edt

from model.errors import InvalidInputError

DEFAULT_SIGMA = 4.0
"""Standard deviation of the decay in cloth, in pixels, for a picture of 256 pixels.

About 3 cm on a person who fills the picture: cloth that lies on the body keeps most of its
confidence, a coat's tail or a wide skirt loses all of it.
"""
DEFAULT_SIGMA_FRACTION = DEFAULT_SIGMA / 256
"""The same, as a fraction of the picture's longer side."""


def sigma_for(size: tuple[int, int], fraction: float = DEFAULT_SIGMA_FRACTION) -> float:
    """Sigma in pixels that is the same fraction of the longer side at any resolution.

    Args:
        size: (height, width) of the picture.
        fraction: Sigma over the longer side.
    """
    return max(size) * fraction


def silhouette_mask(mask: Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "H W"]:
    """Any of the forms in which silhouettes are stored, as booleans.

    (H, W) or (H, W, 1): inside where positive, whether 0/1, 0/255 or soft. (H, W, 4): RGBA, inside
    where alpha is positive; SHADER stores its silhouettes so, and its colours may be black inside.

    Raises:
        InvalidInputError: Another shape (RGB without alpha holds no silhouette), or NaN.
    """
    if mask.ndim == 3 and mask.shape[-1] in (1, 4):
        mask = mask[..., -1]
    if mask.ndim != 2:
        raise InvalidInputError(
            f"mask has shape {mask.shape}; (H, W), (H, W, 1) or RGBA (H, W, 4) is needed"
        )
    if np.issubdtype(mask.dtype, np.floating) and np.isnan(mask).any():
        raise InvalidInputError("mask holds NaN; finite numbers are needed")
    inside: Bool[np.ndarray, "H W"] = mask > 0
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
        squared = _squared_distances(body[window], cloth[window])
        # The maximum is at the smallest distance. Subtracting in the exponent is the same division,
        # without the 0/0 where all cloth is many sigmas away.
        confidence[window][cloth[window]] = np.exp((squared.min() - squared) / (2 * sigma**2))
    return confidence


def _box(mask: Bool[np.ndarray, "H W"]) -> tuple[slice, slice]:
    """The smallest part of the picture that holds all that is set."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _squared_distances(
    body: Bool[np.ndarray, "H W"], cloth: Bool[np.ndarray, "H W"]
) -> Int64[np.ndarray, "N"]:  # noqa: F821
    """From each cloth pixel to the nearest body pixel, in rows from the top.

    Only which pixel is the nearest is asked of scipy: its distances are of every pixel, and take as
    long again.
    """
    nearest = distance_transform_edt(~body, return_distances=False, return_indices=True)
    here = np.nonzero(cloth)
    down, right = (there[here] - at for there, at in zip(np.asarray(nearest), here, strict=True))
    squared: np.ndarray = down**2 + right**2
    return squared


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
