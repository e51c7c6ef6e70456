import io
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image

from model.body.asset import SmplAsset, save_asset
from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint
from model.skeletons import SMPL_24_PARENTS

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
COMMAND = [sys.executable, "-m", "app"]
FULL = Path("/dev/full")


@pytest.fixture
def checkpoints(tmp_path: Path, tiny_body: BodyPredictor) -> Path:
    """A folder with tiny checkpoints of every capability."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    path = folder / "silhouette.safetensors"
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(path, network, 64, HEADER)
    smpl = tiny_body.smpl
    asset = SmplAsset(
        smpl.v_template,
        smpl.shapedirs,
        smpl.posedirs,
        smpl.J_regressor,
        torch.tensor(SMPL_24_PARENTS),
        smpl.lbs_weights,
        smpl.faces,
    )
    save_asset(folder / "body_neutral.safetensors", asset, HEADER)
    return folder


@pytest.fixture
def environment(checkpoints: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
    return {
        **inherited,
        "HABITUS_CHECKPOINTS": str(checkpoints),
        "HABITUS_PORT": "0",
        "HABITUS_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def server(repo_root: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        COMMAND,
        cwd=repo_root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def refused(repo_root: Path, environment: dict[str, str]) -> str:
    """What a start says that comes to nothing."""
    done = subprocess.run(
        COMMAND, cwd=repo_root, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def processor_seconds_of_children() -> float:
    """Of those that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_the_command_answers_within_20_seconds_and_stops_when_told(
    server: subprocess.Popen[str], photo: Image.Image
) -> None:
    before = processor_seconds_of_children()
    assert server.stdout is not None
    first, second = server.stdout.readline(), server.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", first)
    assert found, first
    assert second.strip() == f"curl -F image=@photo.jpg {found[0]}/confidence -o map.png"
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG")
    with httpx.Client(base_url=found[0], trust_env=False, timeout=200) as client:
        answer = client.post("/confidence", files={"image": buffer.getvalue()})
        assert answer.status_code == 200
        with Image.open(io.BytesIO(answer.content)) as confidence:
            assert confidence.size == photo.size
        mesh = client.post("/mesh", json={"betas": [2, -1]}, headers={"accept": "model/ply"})
        assert mesh.content.startswith(b"ply")
        assert client.get("/health/ready").json()["loaded"] == ["silhouette", "body"]
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=200)
    # The processor's seconds, not the clock's: the machine may be busy with something else.
    assert processor_seconds_of_children() - before < 20
    assert server.returncode == 0
    assert "Traceback" not in log
    assert "route=/confidence" in log


@pytest.mark.skipif(not FULL.exists(), reason="/dev/full, a disk without room, is Linux's own")
def test_with_its_output_on_a_full_disk_it_answers_and_stops_as_always(
    repo_root: Path, environment: dict[str, str]
) -> None:
    # It cannot say where it listens. Nor may it be spared the buffers that fail at Python's end.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment.pop("PYTHONUNBUFFERED", None)
    environment["HABITUS_PORT"] = str(port)
    with FULL.open("w") as full:
        process = subprocess.Popen(
            COMMAND, cwd=repo_root, env=environment, stdout=full, stderr=full
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=200)
    try:
        while not is_ready(client):
            assert process.poll() is None
            time.sleep(0.1)
        statuses = [client.get("/models").status_code for _ in range(200)]
        # Refusals have lines of their own.
        refusals = [client.post("/confidence").status_code for _ in range(100)]
        assert set(statuses) == {200}
        assert set(refusals) == {422}
        process.send_signal(signal.SIGTERM)
        assert process.wait(200) == 0
    finally:
        client.close()
        process.kill()
        process.wait()


def test_with_a_log_that_nobody_reads_it_answers_and_stops_as_always(
    server: subprocess.Popen[str],
) -> None:
    assert server.stdout is not None
    found = re.search(r"http://[\d.:]+", server.stdout.readline())
    assert found
    with httpx.Client(base_url=found[0], trust_env=False, timeout=60) as client:
        # Some 200 bytes a line: several times what a pipe holds.
        statuses = {client.get("/nowhere").status_code for _ in range(1500)}
    assert statuses == {404}
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def test_in_a_pod_beside_a_service_of_this_name_it_starts_and_its_lines_are_all_json(
    repo_root: Path, environment: dict[str, str]
) -> None:
    links = {"HABITUS_SERVICE_HOST": "10.96.0.12", "HABITUS_PORT_8000_TCP": "tcp://10.96.0.12:8000"}
    process = subprocess.Popen(
        COMMAND,
        cwd=repo_root,
        env={**environment, **links, "HABITUS_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest, log = process.communicate(timeout=60)
    assert rest == ""
    assert greeting["event"] == "listening"
    assert greeting["documentation"] == f"{greeting['url']}/docs"
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["names"] for line in lines if "Kubernetes" in line["event"]] == [sorted(links)]


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.ConnectError:
        return False


def test_a_taken_port_is_named(repo_root: Path, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(repo_root, {**environment, "HABITUS_PORT": str(port)})
    assert f"error: port {port} of 127.0.0.1 is taken" in message
    assert f"HABITUS_PORT={port + 1}" in message


def test_a_damaged_checkpoint_is_named(
    repo_root: Path, environment: dict[str, str], checkpoints: Path
) -> None:
    (checkpoints / "body_neutral.safetensors").write_bytes(b"nonsense")
    message = refused(repo_root, environment)
    assert "error: body_neutral.safetensors is not a readable safetensors file" in message


def test_wrong_settings_are_named(repo_root: Path, environment: dict[str, str]) -> None:
    wrong = {**environment, "HABITUS_PORTS": "1"}
    assert "HABITUS_PORTS is not a setting; did you mean HABITUS_PORT?" in refused(repo_root, wrong)
    wrong = {**environment, "HABITUS_MAX_BATCH": "none"}
    assert "error: HABITUS_MAX_BATCH: Input should be" in refused(repo_root, wrong)


def test_the_help_lists_every_variable(repo_root: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], cwd=repo_root, capture_output=True, text=True, timeout=60, check=True
    )
    for name in ("HABITUS_PORT (8000)", "HABITUS_API_KEYS (none)", "HABITUS_LOG_FORMAT (text)"):
        assert name in done.stdout


TRAINING_TOOLS = [
    "anny",
    "warp",
    "pandas",
    "matplotlib",
    "tqdm",
    "tensorboard",
    "smplx",
    "training",
]
IMPORT_ALL = """
import importlib, pkgutil, sys

class Hiding:
    # As if they were not installed, also for who only asks whether they are.
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            return None
        return self.finder.find_spec(name, path, target)
    def __getattr__(self, attribute):
        return getattr(self.finder, attribute)

BLOCKED = sys.argv[1].split(",")
sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
for name in BLOCKED:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{name} is not blocked")
import app, model
names = [
    module.name
    for package in (app, model)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
for name in names:
    importlib.import_module(name)
print(*names)
"""


def test_the_service_imports_without_any_training_tool(repo_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ",".join(TRAINING_TOOLS)],
        cwd=repo_root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert {"app.main", "app.__main__", "app.routes.body", "model.body.smpl"} <= set(imported)
    for name in imported:
        assert (repo_root / Path(*name.split("."))).exists() or (
            repo_root / Path(*name.split(".")).with_suffix(".py")
        ).exists()
