"""A folder of photos on Ray Data: a worker is killed, and a second start continues."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.picture_file.reader import decode_picture
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(1800),  # it waits for processes, and a busy machine starts them slowly
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed; pip install -e '.[ray]' brings it",
    ),
]
HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
NUM_PHOTOS, ROWS_PER_FILE = 60, 5
WORKER = b"MapWorker(MapBatches(Worker))"
"""In the title of a process that Ray Data runs our actor in."""
PATIENCE = {"RAY_raylet_start_wait_time_s": "900", "RAY_worker_niceness": "0"}
"""A busy machine is no failure."""


class Job:
    """The command with two workers, in a cluster of its own."""

    def __init__(self, folder: Path, repo_root: Path) -> None:
        self.photos, self.out = folder / "photos", folder / "results"
        self.checkpoint = folder / "checkpoints" / "silhouette.safetensors"
        self._log = folder / "log"
        self._mark = f"TEST_OF_RAY_BATCH={os.getpid()}-{time.monotonic_ns()}"
        self._root = repo_root
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, source: Path | None = None) -> None:
        command = [sys.executable, "-m", "deploy.ray_batch", str(source or self.photos)]
        options = ["--workers", "2", "--cpus", "0.25", "--rows-per-file", str(ROWS_PER_FILE)]
        inherited = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--out", str(self.out), *options],
                cwd=self._root,
                env={
                    **inherited,
                    "HABITUS_CHECKPOINTS": str(self.checkpoint.parent),
                    "RAY_USAGE_STATS_ENABLED": "0",
                    **PATIENCE,
                    **dict([self._mark.split("=")]),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check_running(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text(errors="replace")[-3000:]

    def end(self) -> None:
        assert self.process is not None
        exit_code = self.process.wait(1200)
        assert exit_code == 0, self._log.read_text(errors="replace")[-3000:]

    def workers(self) -> list[int]:
        return [pid for pid, title in self._processes() if WORKER in title]

    def kill_all(self) -> None:
        for pid, _ in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in (folder / "environ").read_bytes():
                    yield int(folder.name), (folder / "cmdline").read_bytes()

    def files(self) -> dict[Path, int]:
        """The Parquet files of rows, and when each was written."""
        return {path: path.stat().st_mtime_ns for path in (self.out / "rows").glob("*.parquet")}

    def rows(self) -> list[dict[str, Any]]:
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = pq.read_table(self.out / "rows").to_pylist()
        return rows


@pytest.fixture
def job(tmp_path: Path, repo_root: Path) -> Iterator[Job]:
    found = Job(tmp_path, repo_root)
    found.checkpoint.parent.mkdir()
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(found.checkpoint, network, 64, HEADER)
    for number in range(NUM_PHOTOS):
        # Large enough that the workers are not done before one of them is killed.
        write_photo(found.photos / f"{number % 3}" / f"{number:03}.jpg", number, (1500, 1200))
    try:
        yield found
    finally:
        found.kill_all()
        if found.process is not None:
            found.process.wait()


def write_photo(path: Path, seed: int, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(path)


def test_a_killed_worker_costs_no_row_and_a_second_start_continues(job: Job) -> None:
    bad = job.photos / "0" / "bad.jpg"
    bad.write_text("no picture")
    job.start()
    while not job.files() or len(job.workers()) < 2:
        job.check_running()
        time.sleep(0.1)
    os.kill(job.workers()[0], signal.SIGKILL)
    assert len(job.files()) < NUM_PHOTOS // ROWS_PER_FILE
    job.end()

    rows = {row["path"]: row for row in job.rows()}
    assert len(job.rows()) == len(rows) == NUM_PHOTOS + 1
    assert {Path(path) for path in rows} == set(job.photos.rglob("*.jpg"))
    assert [path for path, row in rows.items() if row["error"]] == [str(bad)]
    assert "begins with 'no pictu'" in rows[str(bad)]["error"]
    assert rows[str(bad)]["confidence_png"] is None
    predictor = SilhouettePredictor.from_checkpoint(job.checkpoint)
    path, row = next((path, row) for path, row in rows.items() if not row["error"])
    [seen] = predictor.predict_batch([decode_picture(Path(path).read_bytes())])
    found = decode_picture(row["confidence_png"])[..., 0]
    np.testing.assert_allclose(found / 255, seen.confidence, atol=1 / 254)
    assert row["mean_confidence"] == pytest.approx(seen.confidence.mean(), abs=1e-3)
    assert (row["height"], row["width"]) == (1200, 1500)

    before = job.files()
    write_photo(job.photos / "new.png", 100, (64, 48))
    job.start()
    job.end()
    assert job.files().items() > before.items()
    added = [row for row in job.rows() if row["path"] not in rows]
    assert [Path(row["path"]) for row in added] == [job.photos / "new.png"]
    assert len(job.rows()) == len(rows) + 1


def test_a_parquet_file_may_hold_the_photos_themselves(job: Job, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, second = sorted(job.photos.rglob("*.jpg"))[:2]
    table = {"path": ["kept elsewhere", str(second)], "bytes": [first.read_bytes(), None]}
    pq.write_table(pa.table(table), tmp_path / "photos.parquet")
    job.start(tmp_path / "photos.parquet")
    job.end()
    rows = {row["path"]: row for row in job.rows()}
    assert rows.keys() == {"kept elsewhere", str(second)}
    assert {row["error"] for row in rows.values()} == {None}
    assert {row["width"] for row in rows.values()} == {1500}
