"""The opcodes of a pickle, read without executing or decoding anything.

`pickletools.genops` does nearly this, but decodes text as it goes and fails on the bytes that
Python 2 wrote as text.
"""

import pickletools
from collections.abc import Iterator

_BY_CODE = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_TWO_LINES = {"GLOBAL", "INST"}


def walk_opcodes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and raw argument of each opcode up to STOP; of counted bytes, the bytes.

    Raises:
        ValueError: The data ends early, or holds something that is no opcode.
    """
    position, name = 0, ""
    while name != "STOP":
        opcode = _BY_CODE.get(data[position : position + 1])
        if opcode is None:
            found = data[position : position + 1] or "the end"
            raise ValueError(f"{found!r} at byte {position} is no opcode")
        name = opcode.name
        start, end = _argument_span(data, position + 1, opcode)
        if end > len(data):
            raise ValueError(f"the argument of {name} at byte {position} is cut off")
        yield name, data[start:end]
        position = end


def _argument_span(data: bytes, at: int, opcode: pickletools.OpcodeInfo) -> tuple[int, int]:
    if opcode.arg is None:
        return at, at
    if opcode.arg.n >= 0:
        return at, at + opcode.arg.n
    if opcode.arg.n == pickletools.UP_TO_NEWLINE:
        end = at
        for _ in range(2 if opcode.name in _TWO_LINES else 1):
            end = data.find(b"\n", end) + 1 or len(data) + 1
        return at, end
    start = at + _LENGTH_BYTES[opcode.arg.n]
    return start, start + int.from_bytes(data[at:start], "little")
