"""What was measured, beside what is asked."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.servers import OURS

Results = Mapping[str, Any]
NOT_ASKED = {"200", "503"}


@dataclass(frozen=True)
class Bar:
    """A number that is asked for, and what was found."""

    bar: str
    asked: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{self.bar}, {self.asked}, {self.measured}   {'met' if self.met else 'NOT MET'}"


def print_report(results: Results) -> None:
    """A table for each kind of work, and a line for each bar."""
    bare = results["bare_loop"]
    print(
        f"Serving {results['capability']}, {results['machine']['cores']} cores, "
        f"{results['minutes']} minutes, load average "
        f"{results['machine']['load_average_at_the_end']:.1f} at the end"
    )
    for entry in bare["runs"]:
        speeds = ", ".join(f"batch {size}: {per_s:.2f}" for size, per_s in entry["per_s"].items())
        print(f"bare loop, pictures a second: {speeds}; {entry['cpu_ms_each']:.1f} ms of CPU each")
    if openvino := results["bare_openvino"]["per_s"]:
        print(f"OpenVINO alone, the network only, pictures a second: {openvino:.2f}")
    for name, found in results["servers"].items():
        for line in _lines(name, found, bare["per_s"]):
            print(line)
    print("bar, asked, measured")
    for bar in bars(results):
        print(bar)


def bars(results: Results) -> list[Bar]:
    """Bars 1 to 3 of the serving issue, as far as they were measured."""
    servers = results["servers"]
    ours = servers[OURS]
    found: list[Bar] = []
    if "photos" in ours:
        for name, words in (("bare_loop", "bare loop"), ("bare_openvino", "OpenVINO alone")):
            if per_s := results[name]["per_s"]:
                share = _throughput(ours["photos"]["saturated"]) / per_s
                bar = f"1 throughput at saturation / {words}"
                found.append(Bar(bar, ">= 0.90", f"{share:.2f}", share >= 0.9))
    for name, asked in (("litserve", 1.5), ("bentoml", 2.0), ("ray", 2.0)):
        if ours["no-op"] and servers.get(name, {}).get("no-op"):
            found.extend(_beside(name, asked, ours["no-op"], servers[name]["no-op"]))
    if "photos" in ours:
        found.extend(_overload(ours["photos"]))
    return found


def figure(results: Results, path: Path) -> Path:
    """Answers a second, and the 95th percentile of the latency, over the offered load."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    drawing, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for name, found in results["servers"].items():
        steps = found.get("photos", {}).get("steps", [])
        offered = [step["offered_per_s"] for step in steps]
        style = {"marker": "o", "markersize": 4, "linewidth": 2.5 if name == OURS else 1.2}
        left.plot(offered, [step["good_per_s"] for step in steps], label=name, **style)
        answered = [(load, _p95(step)) for load, step in zip(offered, steps, strict=True)]
        right.plot(*zip(*[pair for pair in answered if pair[1]], strict=True), label=name, **style)
    bare = results["bare_loop"]["per_s"]
    left.axhline(bare, color="grey", linestyle=":", label="bare loop, no HTTP")
    left.set(xlabel="photos offered a second", ylabel="maps answered a second", ylim=(0, None))
    right.set(
        xlabel="photos offered a second", ylabel="latency of the answers, p95, ms", yscale="log"
    )
    left.legend(fontsize=8)
    drawing.savefig(path, dpi=120)
    plt.close(drawing)
    return path


def _lines(name: str, found: Mapping[str, Any], bare_per_s: float | None) -> Iterable[str]:
    yield f"{name}" + (f": {found['error'].splitlines()[0]}" if "error" in found else "")
    for entry in found["no-op"]:
        one, many = entry["one_client"], entry["saturated"]
        yield (
            f"  no-op: {many['good_per_s']:8.1f} answers/s; {_percentiles(many)}; one client "
            f"{_percentiles(one)}; {many['server_cpu_ms_each']:.2f} ms of CPU each; generator "
            f"{many['generator_cpu_share']:.2f} of a core"
        )
    if "photos" not in found or bare_per_s is None:
        return
    for entry in found["photos"]["saturated"]:
        yield (
            f"  photos, saturated: {entry['good_per_s']:6.2f}/s, "
            f"{entry['good_per_s'] / bare_per_s:.2f} of the bare loop's; {_percentiles(entry)}; "
            f"{entry['server_cpu_ms_each']:.1f} ms of CPU each; generator "
            f"{entry['generator_cpu_share']:.2f} of a core"
        )
    overload = [found["photos"]["overload"]] if "overload" in found["photos"] else []
    for step in [*found["photos"]["steps"], *overload]:
        yield (
            f"  photos, {step['offered_per_s']:6.2f}/s offered: {step['good_per_s']:6.2f}/s; "
            f"{_percentiles(step)}; statuses {step['answers']}, {step['unanswered']} unanswered"
        )
    yield f"  {found['photos']['memory_mb']:.0f} MB of memory"


def _beside(
    name: str, asked: float, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> list[Bar]:
    ratio = _throughput([entry["saturated"] for entry in ours]) / _throughput(
        [entry["saturated"] for entry in theirs]
    )
    ours_p50, theirs_p50 = (
        statistics.median(entry["one_client"]["latency_ms"]["200"]["p50"] for entry in entries)
        for entries in (ours, theirs)
    )
    share = ours_p50 / theirs_p50
    return [
        Bar(f"2 no-op throughput / {name}'s", f">= {asked}", f"{ratio:.2f}", ratio >= asked),
        Bar(
            f"2 no-op p50 at one client / {name}'s",
            "< 0.5",
            f"{share:.2f} ({ours_p50:.2f} and {theirs_p50:.2f} ms)",
            share < 0.5,
        ),
    ]


def _overload(photos: Mapping[str, Any]) -> list[Bar]:
    """Peak: the most of all measurements, so that a slow saturation does not flatter."""
    overload = photos["overload"]
    peak = max(entry["good_per_s"] for entry in (*photos["saturated"], *photos["steps"], overload))
    share = overload["good_per_s"] / peak
    others = {status: n for status, n in overload["answers"].items() if status not in NOT_ASKED}
    rejected = overload["latency_ms"].get("503")
    health = overload["health_ms"]
    found = [
        Bar("3 goodput at twice capacity / peak", ">= 0.90", f"{share:.2f}", share >= 0.9),
        Bar(
            "3 answers besides 200 and 503, and unanswered",
            "none",
            f"{others or 'none'}, {overload['unanswered']}",
            not others and not overload["unanswered"],
        ),
        Bar("3 /health/live p99", "< 50 ms", f"{health['p99']:.1f} ms", health["p99"] < 50),
    ]
    if rejected is not None:
        found.append(
            Bar(
                "3 rejections, p50 and p99",
                "< 10 ms",
                f"{rejected['p50']:.1f} and {rejected['p99']:.1f} ms of {rejected['count']}",
                rejected["p99"] < 10,
            )
        )
    return found


def _throughput(entries: Sequence[Mapping[str, Any]]) -> float:
    return float(statistics.median(entry["good_per_s"] for entry in entries))


def _percentiles(entry: Mapping[str, Any]) -> str:
    found = entry["latency_ms"].get("200")
    if found is None:
        return "no answer"
    return f"p50 {found['p50']:.2f}, p95 {found['p95']:.2f}, p99 {found['p99']:.2f} ms"


def _p95(entry: Mapping[str, Any]) -> float | None:
    found = entry["latency_ms"].get("200")
    return None if found is None else float(found["p95"])
