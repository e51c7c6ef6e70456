import os
import subprocess
import sys
from pathlib import Path

import pytest

ALLOCATE_AND_FREE = """
import contextlib, ctypes, resource, runpy, sys

sys.argv = ["training", "fit", "silhouette", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("training", run_name="__main__")
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def use_once():
    block = libc.malloc(64 << 20)
    libc.memset(block, 1, 64 << 20)
    libc.free(block)

use_once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use_once()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""
"""Prints, after a command's help, how much more memory the system had to hand out."""


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is glibc's")
@pytest.mark.parametrize(
    ("operators", "kept"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)]
)
def test_the_system_hands_out_memory_once_unless_the_operator_says_otherwise(
    operators: dict[str, str], kept: bool, tmp_path: Path, repo_root: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    environment |= {"PYTHONPATH": str(repo_root), **operators}
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATE_AND_FREE],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    handed_out = int(done.stdout.split()[-1])
    # Five times 64 MB, or next to nothing.
    assert handed_out < 8 << 20 if kept else handed_out > 300_000_000


MULTIPLY = """
import contextlib, runpy, sys

sys.argv = ["training", sys.argv[1], "silhouette", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("training", run_name="__main__")
import torch

torch.set_num_threads(2)
small = torch.full((1 << 22,), 1e-30)
print("denormal:", int((small * 1e-10).count_nonzero()))
"""
"""Prints, after a command's help, how many of so many denormal products are not zero."""


@pytest.mark.parametrize(("command", "left"), [("fit", 0), ("compare", 0), ("evaluate", 1 << 22)])
def test_all_threads_of_what_learns_take_denormal_numbers_for_zero(
    command: str, left: int, tmp_path: Path, repo_root: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MULTIPLY, command],
        env={"PYTHONPATH": str(repo_root), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == f"denormal: {left}"
