import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class WarmProcess:
    """Runs the functions of warm.py in children of a process that has imported everything."""

    def __init__(self, log: Path) -> None:
        self.log = log
        root = Path(__file__).parents[3]
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("warm.py"))],
                env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def start(self, function: str, environment: dict[str, str] | None = None, **values: Any) -> int:
        """The child's process id."""
        return self._ask({"start": function, "arguments": values, "environment": environment or {}})

    def wait(self, child: int) -> int:
        """Its exit status, or minus the signal that ended it."""
        return self._ask({"wait": child})

    def run(self, function: str, **values: Any) -> int:
        return self.wait(self.start(function, **values))

    def start_together(self, number: int, function: str, **values: Any) -> list[int]:
        """The children that torchrun would start, each with the environment that it would give."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        common = {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        return [
            self.start(function, common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, **values)
            for rank in range(number)
        ]

    def run_together(self, number: int, function: str, **values: Any) -> list[int]:
        """Their exit statuses."""
        return [self.wait(child) for child in self.start_together(number, function, **values)]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    process = WarmProcess(tmp_path_factory.mktemp("warm") / "stderr.txt")
    yield process
    process.close()
