"""The servers that are measured: how each is started, watched and stopped."""

import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.pictures import Bodies
from benchmarks.serving.work import PICTURES, WORK

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 180.0
STOP_WITHIN_S = 8.0
_MARK = "BENCHMARK_SERVER"
"""An environment variable with which every process of a server is found, whoever started it."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ServerError(Exception):
    """A server that did not start."""


@dataclass(frozen=True)
class Kind:
    """A server, and how to ask it."""

    name: str
    module: str
    """In `benchmarks.serving.peers`; run with the work and the port."""
    needs: str
    """The module that must be installed."""
    paths: Mapping[str, str]
    """Work -> path."""
    document: bytes = b'{"betas":[0.5,-1.25,2,0,0,0,0,0,0,0.125]}'
    """The body of a request for the no-op."""
    environment: Mapping[str, str] = field(default_factory=dict)


OURS = "habitus"
_PREDICT = dict.fromkeys(WORK, "/predict")
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            OURS,
            "habitus",
            "fastapi",
            {"silhouette": "/confidence", "clothing": "/clothing", "no-op": "/mesh"},
        ),
        Kind("fastapi", "fastapi_threads", "fastapi", _PREDICT),
        Kind("litserve", "lit_serve", "litserve", _PREDICT),
        Kind(
            "bentoml",
            "bento",
            "bentoml",
            _PREDICT,
            # A batch of one: BentoML joins the batches of several requests.
            document=b'{"betas":[[0.5,-1.25,2,0,0,0,0,0,0,0.125]]}',
            environment={"BENTOML_DO_NOT_TRACK": "True"},
        ),
        Kind(
            "ray",
            "ray_serve",
            "ray",
            {**dict.fromkeys(PICTURES, "/picture"), "no-op": "/no-op"},
            environment={"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_USAGE_STATS_ENABLED": "0"},
        ),
    )
}


def is_installed(kind: Kind, python: str) -> bool:
    """Whether that interpreter has what the server needs."""
    if python == sys.executable:
        return importlib.util.find_spec(kind.needs) is not None
    question = f"import importlib.util as i, sys; sys.exit(i.find_spec({kind.needs!r}) is None)"
    return subprocess.run([python, "-c", question], cwd=ROOT, check=False).returncode == 0


@dataclass
class Server:
    """A running one."""

    kind: Kind
    port: int
    mark: str

    def cpu_s(self) -> float:
        """CPU seconds that its living processes have used (Linux)."""
        return sum(_cpu_s(pid) for pid in _marked(self.mark))

    def memory_mb(self) -> float:
        """Their resident memory, in megabytes of 1,000,000 bytes."""
        return sum(_memory_mb(pid) for pid in _marked(self.mark))


@contextlib.contextmanager
def running(kind: Kind, python: str, work: str, bodies: Bodies) -> Iterator[Server]:
    """Start it, wait until it answers the first body with status 200, and stop it at the end.

    Raises:
        ServerError: It ended, or did not answer in time; the message has the end of its log.
    """
    port, mark = _free_port(), uuid.uuid4().hex
    # Workers import `benchmarks` from here, whatever directory their framework gives them.
    environment = {**os.environ, **kind.environment, _MARK: mark, "PYTHONPATH": str(ROOT)}
    module = f"benchmarks.serving.peers.{kind.module}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [python, "-m", module, work, str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_answer(process, port, kind.paths[work], bodies)
            yield Server(kind, port, mark)
        except ServerError as error:
            log.seek(0)
            ending = log.read()[-2000:].decode(errors="replace")
            raise ServerError(f"{kind.name} {error}; the end of its log:\n{ending}") from error
        finally:
            _stop(process, mark)


def _await_answer(process: "subprocess.Popen[bytes]", port: int, path: str, bodies: Bodies) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    found: object = "no connection"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"ended with code {process.returncode} before it answered")
        with contextlib.suppress(OSError, http.client.HTTPException):
            found = _status(port, path, bodies)
            if found == 200:
                return
        time.sleep(0.25)
    raise ServerError(f"did not answer 200 within {START_WITHIN_S:g} s; the last was: {found}")


def _status(port: int, path: str, bodies: Bodies) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        head = {"Content-Type": bodies.content_type}
        connection.request("POST", path, bodies.files[0].read_bytes(), head)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def _stop(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """First politely, then every process that carries the mark."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
    for pid in _marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _marked(mark: str) -> list[int]:
    needle = f"{_MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if needle in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def _cpu_s(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # utime and stime, proc(5)
    return 0.0


def _memory_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
