"""Memory that a training step frees is kept for the next step.

glibc takes every block above 32 MB from the system and returns it at once. A feature map of a batch
is larger than that, and the system clears each page before it hands it out again: that was a
third of a step of the lite network on a CPU (16 pictures of 256 px; `python -m benchmarks memory`).
"""

import ctypes
import os

OPERATORS_CHOICES = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_")
"""Environment variables by which glibc is told the same; one that is set is left alone."""
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Have the allocator keep all that it got, until the process ends: for who owns the process.

    Returns:
        Whether this is so now: other systems' allocators do not know the setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in OPERATORS_CHOICES):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
