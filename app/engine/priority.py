"""Who computes first where cores are short."""

import os
import sys
import threading

NICE = 5
"""A thread of nice 5 gets a third of what one of nice 0 beside it gets, if that wants as much."""


def give_way() -> None:
    """Let this thread, and those that it starts, compute after the process's others.

    Where a processor computes networks, all of its cores do nothing else in overload, and who
    answers clients, a few dozen microseconds at a time, would wait for one. Only Linux gives each
    thread a nice value of its own; elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = min(os.getpriority(os.PRIO_PROCESS, thread) + NICE, 19)
        os.setpriority(os.PRIO_PROCESS, thread, nice)
