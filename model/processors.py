"""How many processors this process may use: those it may run on, within its containers' quotas."""

import os
from collections.abc import Iterator
from pathlib import Path


def count_processors(
    groups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Whole processors; at least one.

    Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (`cpu.max`) and
    Documentation/scheduler/sched-bwc.rst (`cpu.cfs_quota_us`, `cpu.cfs_period_us`).

    Args:
        groups: Where the control groups are mounted.
        membership: The control groups of this process.
    """
    # macOS and Windows cannot tell the processors that the process may run on.
    allowed = getattr(os, "sched_getaffinity", None)
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    return max(1, int(min([count, *_quotas(groups, membership)])))


def count_threads() -> int:
    """Threads that all networks of this process may use together; at least one.

    OMP_NUM_THREADS, which Ray sets to a replica's share of a machine, bounds them.
    """
    bound = os.environ.get("OMP_NUM_THREADS", "")
    cores = count_processors()
    return min(cores, int(bound)) if bound.isdecimal() and int(bound) > 0 else cores


def _quotas(groups: Path, membership: Path) -> Iterator[float]:
    """Processors that each enclosing group allows."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        # Version 2 has one hierarchy, whose list of controllers is empty.
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / controllers
        inner = Path(path.lstrip("/"))
        # In a container the path may be that of the host, which is not mounted; its root is.
        for folder in (root / inner, *(root / outer for outer in inner.parents)):
            yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
    except OSError:  # the group sets no quota
        return
    if quota != "max" and int(quota) > 0:
        yield int(quota) / int(period)
