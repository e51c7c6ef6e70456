"""python -m benchmarks [NAME ...]: the quick ones, or those named; each has options of its own."""

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    body,
    codecs,
    confidence,
    denormals,
    loop,
    measurements,
    memory,
    predictor,
    synthesis,
    synthetic,
)
from benchmarks.faults import command as faults
from benchmarks.serving import command as serving

QUICK = {
    "body": body.run,
    "confidence": confidence.run,
    "denormals": denormals.run,
    "loop": loop.run,
    "measurements": measurements.run,
    "memory": memory.run,
    "predictor": predictor.run,
    "synthesis": synthesis.run,
    "synthetic": synthetic.run,
}
"""Without options; what runs when none is named."""


def main(arguments: list[str]) -> int:
    """Run and print."""
    options = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    run(options)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """A sub-command for each benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(run=_run_quick, names=list(QUICK))
    commands = parser.add_subparsers(metavar="NAME")
    for name, run in QUICK.items():
        command = commands.add_parser(name, help=_first_line(run))
        command.add_argument("more", nargs="*", choices=[*QUICK, []], metavar="NAME")
        command.set_defaults(run=_run_quick, names=[name])
    for name, module in {"codecs": codecs, "serving": serving, "faults": faults}.items():
        command = commands.add_parser(
            name, help=_first_line(module.run), description=module.__doc__
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _run_quick(options: argparse.Namespace) -> None:
    for name in [*options.names, *getattr(options, "more", [])]:
        QUICK[name]()


def _first_line(run: Callable[..., None]) -> str:
    return (run.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
