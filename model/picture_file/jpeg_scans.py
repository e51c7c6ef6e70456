"""What the scans of a JPEG have to hold, as far as their headers tell.

A decoder takes the scans that are there. One that lost some, and has an end marker, is blurred or
without colour; one with zeros in place of a part has wrong pixels behind it.

Source: ITU-T T.81, annexes B.2 (headers), C (Huffman codes) and G (progressive).
"""

from model.errors import InvalidInputError

_NUM_COEFFICIENTS = 64
_NEVER_SENT = 255
_AC_TABLE = 1
_SIXTEEN_ZEROS = 0xF0
_ZEROS = bytes(256)
"""More than any writer writes where zero bits do not end a block."""


class ScanCheck:
    """Takes the segments of a file in their order."""

    def __init__(self) -> None:
        self.is_progressive = False
        self.num_scans = 0
        self._missing: dict[int, bytearray] = {}
        """Component -> for each coefficient, how many low bits are still to come."""
        self._ends_block: dict[int, bool] = {}
        """AC table -> whether its code of zeros ends a block, as in large plain areas."""

    def add_frame(self, content: bytes, is_progressive: bool) -> None:
        """The header of the frame: which components there are."""
        self.is_progressive = is_progressive
        for component in content[6::3]:
            self._missing[component] = bytearray([_NEVER_SENT]) * _NUM_COEFFICIENTS

    def add_tables(self, content: bytes) -> None:
        """Huffman tables. The first symbol of one has the shortest code, of zeros only."""
        while len(content) > 17:
            (kind, table), symbol = divmod(content[0], 16), content[17]
            if kind == _AC_TABLE:
                self._ends_block[table] = symbol % 16 == 0 and symbol != _SIXTEEN_ZEROS
            content = content[17 + sum(content[1:17]) :]

    def add_scan(self, content: bytes, data: bytes, start: int, end: int) -> None:
        """The header of a scan, and where in the file its coded pixels are.

        Raises:
            InvalidInputError: Zeros have taken the place of a part of them.
        """
        self.num_scans += 1
        num_components = content[0]
        first, last, low_bit = 0, _NUM_COEFFICIENTS - 1, 0
        if self.is_progressive:
            first, last, low_bit = content[1 + 2 * num_components : 4 + 2 * num_components]
        for component in content[1 : 1 + 2 * num_components : 2]:
            missing = self._missing.get(component, bytearray(_NUM_COEFFICIENTS))
            for coefficient in range(first, min(last, _NUM_COEFFICIENTS - 1) + 1):
                missing[coefficient] = low_bit % 16
        tables = {table % 16 for table in content[2 : 2 + 2 * num_components : 2]}
        zeros_end_blocks = all(self._ends_block.get(table, True) for table in tables)
        if last > 0 and not zeros_end_blocks and data.find(_ZEROS, start, end) >= 0:
            raise InvalidInputError("the JPEG is damaged: a part of its pixels is all zeros")

    def finish(self) -> None:
        """Behind the last scan.

        Raises:
            InvalidInputError: Some component or precision was in none of them.
        """
        if any(max(missing) for missing in self._missing.values()):
            raise InvalidInputError("the JPEG is truncated: some of its scans are not there")
