"""Times that survive a busy machine: taken in turns, the fastest of many kept."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Setting = TypeVar("Setting")


def fastest(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int = 15,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds of each candidate's fastest call.

    Candidates take turns, so that whatever else the machine does meets all of them alike.

    Args:
        candidates: By name; each is called once before it is timed.
        rounds: Timed calls of each.
        clock: `time.process_time` counts what the process computes and not what it waits for: fair
            on a busy machine, where all candidates use as many threads.
    """
    for call in candidates.values():
        call()
    times = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, call in candidates.items():
            started = clock()
            call()
            times[name] = min(times[name], clock() - started)
    return times


def fastest_apart(
    measure: Callable[[Setting], float], settings: Mapping[str, Setting], turns: int = 2
) -> dict[str, float]:
    """Seconds with each setting, the fewest of some turns, each turn in a process of its own.

    For what a process sets once and cannot take back.

    Args:
        measure: A module's function; with a setting it gives seconds.
        settings: By name.
        turns: Processes for each.
    """
    times = dict.fromkeys(settings, float("inf"))
    spawn = multiprocessing.get_context("spawn")
    for _ in range(turns):
        for name, setting in settings.items():
            with spawn.Pool(1) as process:
                times[name] = min(times[name], process.apply(measure, (setting,)))
    return times


def report(title: str, times: Mapping[str, float], ours: str) -> None:
    """Print milliseconds, and how many times faster ours is than each other."""
    print(title)
    for name, seconds in times.items():
        ratio = "" if name == ours else f"   ours is {seconds / times[ours]:.2f} times as fast"
        print(f"  {name:<24}{seconds * 1000:9.2f} ms{ratio}")
