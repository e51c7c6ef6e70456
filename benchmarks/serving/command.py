"""Measure the service beside its peers, and hold it against what is asked of it.

Every server runs alone, on the same machine, after the same warm-up, and is asked by the same
generator for the same work. What shares its cores is the generator; its share is recorded.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.serving.measuring import PARTS, STEPS, Plan, measure
from benchmarks.serving.report import figure, print_report
from benchmarks.serving.servers import KINDS, OURS, ROOT, is_installed
from benchmarks.serving.work import PICTURES

RESULT = ROOT / "runs" / "benchmarks" / "serving.json"
QUICK_PEERS = ["fastapi", "litserve"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m benchmarks serving`."""
    parser.add_argument(
        "--quick", action="store_true", help="about two minutes: short, one round, fewer loads"
    )
    parser.add_argument(
        "--capability",
        choices=PICTURES,
        default=PICTURES[0],
        help="what the photos are sent for (%(default)s)",
    )
    parser.add_argument(
        "--work",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="photos: the bare loop and rising load; no-op: what the frameworks cost (both)",
    )
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=[name for name in KINDS if name != OURS],
        metavar="NAME",
        help="of fastapi, litserve, bentoml, ray; by default all that are installed (with --quick "
        "the first two); none: ours beside the bare loop alone",
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="the interpreter of a peer that has an environment of its own",
    )
    parser.add_argument(
        "--seconds", type=float, help="of each measurement (5; 2 with --quick)", metavar="N"
    )
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="JPEGs to send instead")
    parser.add_argument("--out", type=Path, default=RESULT, metavar="FILE", help="of the results")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the results and a figure beside them."""
    named = QUICK_PEERS if arguments.quick else [name for name in KINDS if name != OURS]
    peers = named if arguments.peers is None else arguments.peers
    pythons = dict(entry.split("=", 1) for entry in arguments.python)
    plan = Plan(
        seconds=arguments.seconds or (2.0 if arguments.quick else 5.0),
        rounds=1 if arguments.quick else 2,
        steps=(0.5, 1.0, 2.0) if arguments.quick else STEPS,
        names=(OURS, *_installed(peers, pythons)),
        pythons=pythons,
        folder=arguments.photos,
        capability=arguments.capability,
        work=frozenset(arguments.work),
    )
    with tempfile.TemporaryDirectory() as folder:
        results = measure(plan, Path(folder))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")
    print_report(results)
    print(f"written: {arguments.out}")
    if "photos" in plan.work:
        print(f"written: {figure(results, arguments.out.with_suffix('.png'))}")


def _installed(names: list[str], pythons: Mapping[str, str]) -> list[str]:
    found = []
    for name in names:
        if is_installed(KINDS[name], pythons.get(name, sys.executable)):
            found.append(name)
        else:
            print(
                f"{name} is left out: {KINDS[name].needs} is not installed "
                f"(pip install -e '.[bench]', or --python {name}=PATH of an environment with it)"
            )
    return found
