"""What goes wrong in months, in minutes: odd clients, odd pictures and many requests.

One real server (`python -m app`) with small networks of random weights and the body of this
repository. Nothing of status 500 and above may be answered but 503 and 504.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.faults.heavy import ask_too_much
from benchmarks.faults.memory import watch_memory
from benchmarks.faults.server import running, write_checkpoints
from benchmarks.faults.silent import sit_beside_silent_clients
from benchmarks.faults.stops import stop_under_load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m benchmarks faults`."""
    parser.add_argument(
        "--requests", type=int, default=20_000, metavar="N", help="mixed requests (20000)"
    )
    parser.add_argument("--stops", type=int, default=5, metavar="N", help="SIGTERMs under load (5)")
    parser.add_argument(
        "--silent", type=int, default=300, metavar="N", help="silent and slow clients (300)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Put a server through it all; print a line for each fault: fault, asked, measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoints(folder)
        with running(folder, {}) as server:
            watch_memory(server, arguments.requests)
        with running(folder, {"HABITUS_BODY_TIMEOUT_S": "2"}) as it:
            sit_beside_silent_clients(it, arguments.silent)
        tight = {
            "HABITUS_TIMEOUT_S": "3",
            "HABITUS_BODY_TIMEOUT_S": "2",
            "HABITUS_MAX_IN_FLIGHT_MB": "200",
        }
        with running(folder, tight) as server:
            ask_too_much(server)
        lost = accepted = 0
        for _ in range(arguments.stops):
            with running(folder, {}) as server:
                now_lost, now_accepted = stop_under_load(server)
                lost, accepted = lost + now_lost, accepted + now_accepted
        print(
            f"SIGTERM under load, accepted and not answered, 0, {lost} of {accepted} "
            f"in {arguments.stops} stops"
        )
