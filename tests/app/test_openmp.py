import os
import subprocess
import sys

import pytest

WHEN_TORCH_IS_LOADED = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"))
        return None

sys.meta_path.insert(0, Watch())
import app.__main__
"""


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_sleep_unless_the_operator_says_otherwise(
    given: str | None, found: str
) -> None:
    """OpenMP reads it once, when PyTorch is loaded."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    output = subprocess.run(
        [sys.executable, "-c", WHEN_TORCH_IS_LOADED],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert output.split() == [found]
