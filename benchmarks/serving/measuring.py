"""Starts each server in turn and puts loads on it."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving import pictures
from benchmarks.serving.load import Load, as_json
from benchmarks.serving.pictures import Bodies
from benchmarks.serving.servers import KINDS, OURS, ROOT, Kind, Server, ServerError, running
from benchmarks.serving.work import PICTURES

SATURATING_CLIENTS = {**dict.fromkeys(PICTURES, 16), "no-op": 32}
"""Closed-loop clients: two full batches of photos, so that one waits while the other runs."""
MAX_CONNECTIONS = 256
STEPS = (0.25, 0.5, 0.9, 1.25, 2.0)
"""Offered load, as shares of the bare loop's pictures a second."""
PARTS = ("photos", "no-op")


@dataclass(frozen=True)
class Plan:
    """How long, and what."""

    seconds: float
    """Of each measurement."""
    rounds: int
    steps: tuple[float, ...]
    names: tuple[str, ...]
    pythons: Mapping[str, str]
    folder: Path | None
    capability: str
    """What pictures are sent for."""
    work: frozenset[str] = frozenset(PARTS)


def measure(plan: Plan, folder: Path) -> dict[str, Any]:
    """All measurements, as they are written."""
    photos = pictures.photos(plan.folder)
    forms = pictures.multipart_bodies(photos, folder / "photos")
    documents = {
        name: pictures.json_bodies(KINDS[name].document, folder / name) for name in plan.names
    }
    files = [folder / f"{number}.jpg" for number in range(len(photos))]
    for file, photo in zip(files, photos, strict=True):
        file.write_bytes(photo)
    started = time.monotonic()
    photos_asked = "photos" in plan.work
    bare = [_bare("bare_loop", plan, files)] if photos_asked else []
    openvino = [_bare("bare_openvino", plan, files)] if photos_asked else []
    capacity = max(bare[0]["per_s"].values()) if bare else 0.0
    servers: dict[str, dict[str, Any]] = {name: {"no-op": []} for name in plan.names}
    for number in range(plan.rounds):
        if "no-op" in plan.work:
            for name in plan.names:
                _attempt(servers, name, lambda name=name: _no_op(name, plan, documents[name]))
        if bare and number == 0:
            for name in plan.names:
                _attempt(servers, name, lambda name=name: _photos(name, plan, forms, capacity))
    if bare:
        bare.append(_bare("bare_loop", plan, files))
        openvino.append(_bare("bare_openvino", plan, files))
    return {
        "capability": plan.capability,
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "load_average_at_the_end": os.getloadavg()[0],
        },
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "seconds_each": plan.seconds,
        "pictures_bytes": [len(photo) for photo in photos],
        "bare_loop": {
            "runs": bare,
            "per_s": statistics.median(max(entry["per_s"].values()) for entry in bare)
            if bare
            else None,
        },
        "bare_openvino": {"runs": openvino, "per_s": _median(openvino)},
        "servers": servers,
    }


def _median(runs: list[dict[str, Any]]) -> float | None:
    found = [entry["per_s"] for entry in runs if entry["per_s"] is not None]
    return statistics.median(found) if found else None


def _attempt(servers: dict[str, dict[str, Any]], name: str, measurement: Any) -> None:
    """Measurements of a server that will not start are left out, and it is said why."""
    try:
        work, found = measurement()
    except ServerError as error:
        print(error, file=sys.stderr, flush=True)
        servers[name]["error"] = str(error)
        return
    if work == "no-op":
        servers[name]["no-op"].append(found)
    else:
        servers[name][work] = found


def _no_op(name: str, plan: Plan, bodies: Bodies) -> tuple[str, dict[str, Any]]:
    """What the framework itself costs: one client, and as many as keep it busy."""
    with _started(name, plan, "no-op", bodies) as server:
        _say(f"{name}: no-op, one client, then {SATURATING_CLIENTS['no-op']}")
        ask = _Asking(server, KINDS[name], "no-op", bodies, plan.seconds)
        return "no-op", {"one_client": ask(connections=1), "saturated": ask.saturated()}


def _photos(name: str, plan: Plan, bodies: Bodies, capacity: float) -> tuple[str, dict[str, Any]]:
    """Saturation, then rising load."""
    with _started(name, plan, plan.capability, bodies) as server:
        ask = _Asking(server, KINDS[name], plan.capability, bodies, plan.seconds)
        _say(f"{name}: photos, {SATURATING_CLIENTS[plan.capability]} clients")
        saturated = [ask.saturated() for _ in range(plan.rounds)]
        found: dict[str, Any] = {"saturated": saturated, "steps": []}
        for step in plan.steps:
            _say(f"{name}: photos, {step:g} of the bare loop's {capacity:.1f} a second")
            result = ask(rate=step * capacity, connections=MAX_CONNECTIONS)
            found["steps"].append({"share": step, **result})
        if name == OURS:
            own = statistics.median(entry["good_per_s"] for entry in saturated)
            if not own:
                raise ServerError(f"{name} answered nothing within {plan.seconds:g} s: too busy")
            _say(f"{name}: photos, twice its own {own:.1f} a second")
            found["overload"] = ask(
                rate=2 * own,
                connections=MAX_CONNECTIONS,
                seconds=2 * plan.seconds,
                warm_up_s=plan.seconds,  # for the queue to fill
                drain_s=60,  # everything that was accepted must be answered
                health="/health/live",
            )
        found["memory_mb"] = round(server.memory_mb(), 1)
        return "photos", found


def _started(name: str, plan: Plan, work: str, bodies: Bodies) -> Any:
    _say(f"{name}: starting")
    return running(KINDS[name], plan.pythons.get(name, sys.executable), work, bodies)


@dataclass
class _Asking:
    """Puts loads on one server."""

    server: Server
    kind: Kind
    work: str
    bodies: Bodies
    seconds: float

    def saturated(self) -> dict[str, Any]:
        """As many clients as keep it busy, each asking again when it has its answer."""
        return self(connections=SATURATING_CLIENTS[self.work])

    def __call__(self, **options: Any) -> dict[str, Any]:
        """What came of a load; with the CPU time that the server spent on each answer."""
        common = {"seconds": self.seconds, "warm_up_s": max(1.0, self.seconds / 4)}
        load = Load(
            port=self.server.port,
            path=self.kind.paths[self.work],
            content_type=self.bodies.content_type,
            bodies=tuple(str(file) for file in self.bodies.files),
            **{**common, **options},
        )
        cpu = self.server.cpu_s()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.serving.generator"],
            input=as_json(load).encode(),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
        )
        cpu = self.server.cpu_s() - cpu
        found: dict[str, Any] = json.loads(done.stdout)
        answered = sum(found["all_answers"].values())
        found["server_cpu_ms_each"] = round(cpu / max(1, answered) * 1000, 3)
        return found


def _bare(module: str, plan: Plan, files: list[Path]) -> dict[str, Any]:
    _say(module.replace("_", " "))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            f"benchmarks.serving.peers.{module}",
            plan.capability,
            str(2 * plan.seconds),
            *map(str, files),
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
