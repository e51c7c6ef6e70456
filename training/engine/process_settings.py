"""Settings of the whole process that make training on a CPU faster.

The entry point of the command line calls them; nothing else does.
"""

import ctypes
import os

MALLOC_VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_")
"""Environment variables that set the same in glibc. Where one is set, it is left alone."""
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Make the allocator keep freed memory for the next training step.

    glibc returns every block above 32 MB to the system at once, and the system clears each page
    before it hands it out again. That was a third of a training step of the lite network (16
    pictures of 256 px; `python -m benchmarks memory`).

    Returns:
        Whether memory is kept: other systems' allocators do not have the setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in MALLOC_VARIABLES):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))


def flush_denormals() -> bool:
    """Take denormal numbers for zero. Must be called before torch starts its threads.

    The momentum of a channel without a gradient shrinks by a constant factor in every step, and
    rounding keeps it denormal, where processors multiply far more slowly. A step with Muon took
    1.4 times as long after 2,000 steps (Intel Xeon, two cores; `python -m benchmarks denormals`).

    Returns:
        Whether the processor has the setting.
    """
    import torch  # here: not every command needs torch

    return bool(torch.set_flush_denormal(True))
