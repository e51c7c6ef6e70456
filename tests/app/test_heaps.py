import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT_HEAPS = """
import ctypes, os, re, threading
from app.heaps import limit_heaps

limit_heaps()
barrier = threading.Barrier(9)
kept = []

def fill():
    barrier.wait()  # all at once: a heap that is free is used again
    for _ in range(2000):
        kept.append(bytes(600))  # more than Python's own allocator serves
    barrier.wait()

for _ in range(8):
    threading.Thread(target=fill, daemon=True).start()
barrier.wait()
barrier.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"heaps.xml", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(len(re.findall("<heap nr", open("heaps.xml").read())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is glibc's")
@pytest.mark.parametrize(("given", "least", "most"), [(None, 1, 1), ("5", 3, 5)])
def test_threads_share_a_heap_unless_the_operator_says_otherwise(
    given: str | None, least: int, most: int, tmp_path: Path, repo_root: Path
) -> None:
    settings = {} if given is None else {"MALLOC_ARENA_MAX": given}
    assert least <= int(printed(COUNT_HEAPS, settings, tmp_path, repo_root)) <= most


HOLD_AND_RELEASE = """
import os, time
from app.heaps import trimmed_heaps

def memory_mb():
    pages = open("/proc/self/statm").read().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

before = memory_mb()
large, small = [], []
for _ in range(5000):
    large.append(b"x" * 10_000)
    small.append(b"x" * 600)  # it stays, so that the heap does not end before it
large.clear()
print(memory_mb() - before)
with trimmed_heaps(every_s=0.01):
    give_up_at = time.monotonic() + 20
    while memory_mb() - before > 30 and time.monotonic() < give_up_at:
        time.sleep(0.01)
print(memory_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
def test_what_a_heap_does_not_use_is_returned(tmp_path: Path, repo_root: Path) -> None:
    held_mb, left_mb = printed(HOLD_AND_RELEASE, {}, tmp_path, repo_root).split()
    assert float(held_mb) > 45
    assert float(left_mb) <= 30


def printed(script: str, settings: dict[str, str], folder: Path, repo_root: Path) -> str:
    """What a script prints, in a process of its own."""
    inherited = {name: text for name, text in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**inherited, "PYTHONPATH": str(repo_root), **settings},
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
