"""GIF files: a bound on what stands before the first frame.

Pillow reads comments in a loop and keeps all their parts: a file of 20 MB could cost 500 MB and
many seconds.

Source: GRAPHICS INTERCHANGE FORMAT, version 89a, sections 15 to 26.
"""

from model.errors import InvalidInputError

MAX_BLOCKS = 50_000
"""Of at most 255 bytes each."""
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_SCREEN_SIZE = 13


def check_gif_blocks(data: bytes) -> None:
    """Walk along the blocks to the first frame.

    Raises:
        InvalidInputError: There are more than 50,000.
    """
    has_palette = len(data) > 10 and data[10] & 0x80
    position = _SCREEN_SIZE + (3 << (data[10] & 7) + 1 if has_palette else 0)
    in_extension = False
    for _ in range(MAX_BLOCKS):
        if position >= len(data):
            return
        first = data[position]
        if in_extension:
            in_extension = first > 0
            position += 1 + first
        elif first in (_IMAGE, _TRAILER):
            return
        else:
            in_extension = first == _EXTENSION
            position += 2 if in_extension else 1
    raise InvalidInputError(
        f"the GIF has more than {MAX_BLOCKS} blocks before its first frame, as many as are read"
    )
