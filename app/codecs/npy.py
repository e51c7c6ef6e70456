"""Untrusted .npy bytes to checked arrays.

V vertices.
"""

import io
import math
import tokenize
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Shaped
from numpy.lib import format as npy_format

from model.errors import InvalidInputError, UnsupportedFormatError

MAX_VERTICES = 20_000
"""SMPL has 6,890, SMPL-X 10,475, Anny 13,718 and MHR 18,439. Comparing the worst pair of 20,000
vertices takes seconds."""


def decode_vertices(data: bytes, name: str) -> Float[np.ndarray, "V 3"]:
    """The (V, 3) array in a .npy file.

    Raises:
        UnsupportedFormatError: Not a .npy file.
        InvalidInputError: Another shape or type, or a damaged file.
    """

    def fits(shape: tuple[int, ...]) -> bool:
        if len(shape) != 2 or shape[1] != 3:
            return False
        if not 1 <= shape[0] <= MAX_VERTICES:
            raise InvalidInputError(f"{name} has {shape[0]} vertices; 1 to {MAX_VERTICES} are read")
        return True

    return decode_array(data, name, fits, "(V, 3)").astype(np.float64)


def decode_array(
    data: bytes, name: str, fits: Callable[[tuple[int, ...]], bool], wanted: str
) -> Shaped[np.ndarray, "..."]:
    """The array of real numbers in a .npy file.

    Nothing in it is executed, and nothing is allocated before the header's shape is compared with
    the number of bytes.

    Args:
        data: The file.
        name: Of the array, for messages.
        fits: Whether a shape is allowed.
        wanted: Describes those that are, for messages.

    Raises:
        UnsupportedFormatError: Not a .npy file.
        InvalidInputError: Another shape or type, or a damaged file.
    """
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
    except ValueError:
        start = data[:8].decode("latin-1")
        raise UnsupportedFormatError(
            f"{name} is a file that begins with {start!r}; a .npy file is needed"
        ) from None
    try:
        read_header = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read_header(stream)
    except (KeyError, ValueError, SyntaxError, TypeError, tokenize.TokenError) as error:
        raise InvalidInputError(
            f"{name} has an unreadable .npy header; numpy.save writes one that is read"
        ) from error
    if dtype.kind not in "fiu" or not fits(shape):
        raise InvalidInputError(
            f"{name} holds {dtype} of the shape {shape}; "
            f"real numbers of the shape {wanted} are needed"
        )
    num_bytes = math.prod(shape) * dtype.itemsize
    body = data[stream.tell() :]
    if len(body) != num_bytes:
        raise InvalidInputError(f"{name} holds {len(body)} bytes; its header says {num_bytes}")
    flat = np.frombuffer(body, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")
