"""The command `habitus`: `habitus serve` and `habitus predict`; also `python -m app.command`."""

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    """Run a command, and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code: 0, 1 for what the caller can correct, 130 after Ctrl-C.

    Each command is imported when it is chosen: PyTorch takes seconds, and `--help` needs none.
    """
    parser = build_parser()
    options, more = parser.parse_known_args(arguments)
    if options.command == "serve":
        from app.__main__ import discard_unwritable_output
        from app.__main__ import main as serve

        try:
            return serve(more)
        finally:
            discard_unwritable_output()
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    # As in app.__main__: OpenMP's threads must not spin while they wait.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from app.command.predict import predict

    return predict(options)


def build_parser() -> argparse.ArgumentParser:
    """Both commands."""
    parser = argparse.ArgumentParser(prog="habitus", description="Bodies under clothes, in photos.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "serve", add_help=False, help="run the service, as `python -m app` does; --help lists more"
    )
    command = commands.add_parser(
        "predict",
        help="predict for every photo of a folder",
        description="Predict for every photo of a folder, and write a CSV file and maps. A run "
        "that was stopped is continued by the same command. HABITUS_* variables hold as for the "
        "service.",
    )
    command.add_argument("photos", type=Path, help="folder of photos; its folders are searched too")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder of the results"
    )
    command.add_argument(
        "--checkpoints", type=Path, metavar="FOLDER", help="instead of HABITUS_CHECKPOINTS"
    )
    command.add_argument("--device", help="instead of HABITUS_DEVICE: auto, cpu, cuda:0, cuda:all")
    command.add_argument("--precision", help="instead of HABITUS_PRECISION")
    command.add_argument(
        "--retry-failed", action="store_true", help="try photos that failed before once more"
    )
    return parser


if __name__ == "__main__":
    main()
