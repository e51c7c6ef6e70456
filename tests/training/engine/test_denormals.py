import subprocess
import sys
from pathlib import Path

import pytest

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
