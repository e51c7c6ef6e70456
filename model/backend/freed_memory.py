"""Returns freed memory to the operating system."""

import ctypes


def return_freed_memory() -> None:
    """Give back what this process has freed; nothing is done where the C library cannot.

    Loading a network frees hundreds of megabytes: its copies in other formats, and what its
    compilation needed. The GNU C library keeps most of that for allocations that do not come.

    Source: malloc_trim(3), Linux manual pages.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
