"""The server that the faults happen to: `python -m app` with small networks."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import torch

from app.capabilities import BODY, CLOTHING, SILHOUETTE
from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """A running one."""

    url: str
    process: "subprocess.Popen[str]"
    log: Path

    @property
    def memory_mb(self) -> float:
        """Resident memory, in megabytes of 1,000,000 bytes (Linux)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def processor_s(self) -> float:
        """Processor time of all its threads so far, in seconds (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self) -> socket.socket:
        """A connection without an HTTP client around it."""
        url = httpx.URL(self.url)
        return socket.create_connection((url.host, url.port or 0), timeout=30)


@contextlib.contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """The server of those checkpoints, on a free port."""
    inherited = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={
                **inherited,
                "MALLOC_ARENA_MAX": "1",  # as the image and the Makefile set it
                "HABITUS_CHECKPOINTS": str(folder),
                "HABITUS_PORT": "0",
                "HABITUS_LOG_FORMAT": "json",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            if not found:
                raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
            yield Server(found[0], process, log)
        finally:
            process.kill()
            process.communicate()


def write_checkpoints(folder: Path) -> None:
    """Every capability: networks of random weights, and the body of this repository."""
    torch.manual_seed(0)
    header = CheckpointHeader(
        "", {}, (TrainingPart({}, "random weights", "nothing", 0),), {}, "Apache-2.0"
    )
    hourglass = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(folder / SILHOUETTE.checkpoint, hourglass, 64, header)
    unet = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16)))
    save_clothing_checkpoint(folder / CLOTHING.checkpoint, unet, 64, header)
    body = ROOT / "checkpoints" / BODY.checkpoint
    (folder / BODY.checkpoint).write_bytes(body.read_bytes())
