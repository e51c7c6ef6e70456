"""How much memory the process keeps that it does not use.

glibc gives each of many threads a heap of its own, eight for each core. What pictures leave behind
in each cannot be used by the others: the process grew by 250 MB over 20,000 requests. With one heap
it still remains as large as its busiest moment made it: a heap is returned to the system from its
end only, and a small block that stays keeps all the free ones before it. `malloc_trim` returns
those too, but not what is free at the end of any heap but the first: hence one heap, and trimmed.
"""

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator

MAX_HEAPS = 1
OPERATORS_CHOICE = "MALLOC_ARENA_MAX"
"""The environment variable by which glibc is told the same; it is left alone where it is set."""
TRIM_EVERY_S = 5.0
"""Trimming takes milliseconds, and so does the system when what was returned is needed again."""
_M_ARENA_MAX = -8  # of glibc's malloc.h


def limit_heaps() -> bool:
    """Have all threads share `MAX_HEAPS`; call it before there are threads.

    Returns:
        Whether this is so now: other systems' allocators do not know the limit, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if OPERATORS_CHOICE in os.environ or mallopt is None:
        return False
    return bool(mallopt(_M_ARENA_MAX, MAX_HEAPS))


@contextlib.contextmanager
def trimmed_heaps(every_s: float = TRIM_EVERY_S) -> Iterator[None]:
    """Meanwhile return the heaps' free pages to the system, by a thread.

    Other systems' allocators do so by themselves; there it does nothing.

    Args:
        every_s: How long the thread pauses.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        yield
        return
    ended = threading.Event()

    def keep_trimming() -> None:
        while not ended.wait(every_s):
            trim(0)  # without Python's lock

    thread = threading.Thread(target=keep_trimming, name="habitus-heaps", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
