"""The 100 %: a loop over pictures in memory, without HTTP and without waiting for anybody.

python -m benchmarks.serving.peers.bare_loop WORK SECONDS PHOTO ... prints pictures a second, for
batches of one picture and for full batches.
"""

import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.serving import work


def main(arguments: Sequence[str]) -> None:
    """Measure both, in turns, and print JSON: picture numbers a second by batch size."""
    work_name, seconds = arguments[0], float(arguments[1])
    pictures = [Path(name).read_bytes() for name in arguments[2:]]
    photos = work.load(work_name)
    sizes, turns = (1, work.MAX_BATCH), 2
    for size in sizes:
        _loop(photos, pictures, size, 0.0)
    counts, times = dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0.0)
    cpu = time.process_time()
    for _ in range(turns):
        for size in sizes:
            started = time.perf_counter()
            counts[size] += _loop(photos, pictures, size, seconds / (turns * len(sizes)))
            times[size] += time.perf_counter() - started
    cpu = time.process_time() - cpu
    json.dump(
        {
            "per_s": {size: counts[size] / times[size] for size in sizes},
            "cpu_ms_each": cpu / sum(counts.values()) * 1000,
        },
        sys.stdout,
    )


def _loop(photos: work.Work, pictures: Sequence[bytes], size: int, seconds: float) -> int:
    """At least one batch, for about so many seconds; how many pictures."""
    endless, count = cycle(pictures), 0
    until = time.perf_counter() + seconds
    while True:
        items = [photos.decode(picture) for picture in islice(endless, size)]
        for result in photos.predict(items):
            photos.encode(result)
        count += size
        if time.perf_counter() >= until:
            return count


if __name__ == "__main__":
    main(sys.argv[1:])
