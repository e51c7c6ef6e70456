"""How the process ends: exit codes and signals, with a real process."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.__main__ import EXIT_FAULT

HOST = """
import sys, time
from dataclasses import replace
import numpy as np, torch
from app.__main__ import main
from app.capabilities import Predictors

class Held:
    input_size, header, device = 64, None, torch.device("cpu")

    def predict_batch(self, images):
        if images[0].shape[0] != 64:
            if sys.argv[1] == "lost":
                raise torch.AcceleratorError("CUDA error: an illegal memory access")
            print("entered", flush=True)
            time.sleep(600)
        return [None for _ in images]

class Lost(Predictors):
    def devices(self):
        return [replace(device, synchronize=fail) for device in super().devices()]

def fail():
    raise RuntimeError("CUDA error: an illegal memory access")

sys.exit(main([], load=lambda _: Lost(silhouette=Held())))
"""


@pytest.fixture
def start_host(repo_root: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started = []

    def start(behaviour: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if "HABITUS_" not in name}
        process = subprocess.Popen(
            [sys.executable, "-c", HOST, behaviour],
            cwd=repo_root,
            env={**environment, "HABITUS_PORT": "0", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Where it listens, once it has said so."""
    assert process.stdout is not None
    greeting = process.stdout.readline()
    found = re.search(r"http://([\d.]+):(\d+)", greeting)
    assert found, greeting
    assert process.stdout.readline().strip().startswith("curl")
    return found[1], int(found[2])


def picture() -> dict[str, bytes]:
    header = b"BM" + (54 + 32 * 32 * 3).to_bytes(4, "little") + bytes(4)
    sizes = [40, 32, 32, 1 | 24 << 16, 0, 0, 0, 0, 0, 0]
    fields = np.array([54, *sizes], "<u4").tobytes()
    return {"image": header + fields + bytes(32 * 32 * 3)}


def is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_a_second_signal_stops_it_at_once(
    start_host: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = start_host("stuck")
    host, port = address(process)
    with httpx.Client(base_url=f"http://{host}:{port}", trust_env=False) as client:
        request = client.build_request("POST", "/confidence", files=picture())
        body = request.read()
        head = f"POST /confidence HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        kind = f"Content-Type: {request.headers['content-type']}\r\n\r\n"
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head.encode() + kind.encode() + body)
        assert process.stdout is not None
        assert process.stdout.readline() == "entered\n"
        process.send_signal(signal.SIGTERM)
        while is_listening(host, port):
            assert process.poll() is None
        assert process.poll() is None  # the accepted request is waited for
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM


def test_a_lost_device_ends_the_process_with_a_code_of_its_own(
    start_host: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = start_host("lost")
    host, port = address(process)
    url = f"http://{host}:{port}/confidence"
    answer = httpx.post(url, files=picture(), timeout=120, trust_env=False)
    assert answer.status_code == 503
    _, log = process.communicate(timeout=120)
    assert process.returncode == EXIT_FAULT
    assert "the device has failed; the server must be restarted" in log
