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
@pytest.mark.parametrize(("given", "least", "most"), [(None, 1, 2), ("5", 3, 5)])
def test_threads_share_two_heaps_unless_the_operator_says_otherwise(
    given: str | None, least: int, most: int, tmp_path: Path, repo_root: Path
) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    environment["PYTHONPATH"] = str(repo_root)
    if given is not None:
        environment["MALLOC_ARENA_MAX"] = given
    output = subprocess.run(
        [sys.executable, "-c", COUNT_HEAPS],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert least <= int(output) <= most
