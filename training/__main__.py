"""The training side's command line: python -m training COMMAND WHAT [options]."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from model.errors import HabitusError
from training.body.capability import CAPABILITY as BODY
from training.capability import Command, Leaf
from training.clothing.capability import CAPABILITY as CLOTHING
from training.engine.process_settings import flush_denormals, keep_freed_memory
from training.silhouette.capability import CAPABILITY as SILHOUETTE

CAPABILITIES = (SILHOUETTE, CLOTHING, BODY)
SHARED: dict[str, dict[str, Command]] = {
    "assets": {
        "smpl": Command("training.assets.smpl", "convert a licensed SMPL pickle"),
        "population": Command("training.assets.population_table", "compare bodies with surveys"),
    },
    "data": {
        "synth": Command("training.synthetic.export", "render dressed/naked pairs to disk"),
        "check": Command("training.datasets.shader_check", "look for faults in a SHADER folder"),
        "keypoints": Command("training.datasets.detect_keypoints", "find joints in CCP's photos"),
        "label-photos": Command("training.photos.label_photos", "find people in photos"),
    },
    "evaluate": {
        "photos": Command("training.reporting.measure_photos", "measure maps on everyday photos"),
    },
    "figures": {
        "run": Command("training.reporting.curves", "curves of a run"),
        "synthetic": Command("training.synthetic.figures", "contact sheet of synthetic people"),
        "photo-labels": Command("training.photos.photo_label_sheet", "contact sheet of labels"),
    },
}
"""Commands that do not belong to a capability."""
SUMMARIES = {
    "assets": "make the body assets",
    "data": "make and check data",
    "fit": "train a network",
    "evaluate": "measure a checkpoint on held-out data",
    "compare": "train several networks alike",
    "average": "average the weights of checkpoints",
    "balance": "raise the probability of rare labels",
    "export": "write a network for other runtimes",
    "quantize": "make a network in int8",
    "figures": "draw",
}


def command_tree() -> dict[str, dict[str, Command]]:
    """Every command by COMMAND and WHAT: those of the capabilities, then the shared ones."""
    tree: dict[str, dict[str, Command]] = {name: {} for name in SUMMARIES}
    for capability in CAPABILITIES:
        for name, command in capability.commands.items():
            tree[name][capability.slug] = command
        tree["data"] |= capability.data
    for name, leaves in SHARED.items():
        tree[name] |= leaves
    return tree


class Parser(argparse.ArgumentParser):
    """Reports errors of the command line in one line, as all other errors."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def build_parser(chosen: list[str]) -> tuple[argparse.ArgumentParser, Leaf | None]:
    """The parser, with the options of the chosen command only; no other module is imported."""
    parser = Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen_leaf = None
    for name, leaves in command_tree().items():
        branch = commands.add_parser(name, help=SUMMARIES[name], description=SUMMARIES[name])
        whats = branch.add_subparsers(dest="what", required=True, metavar="WHAT")
        for what, command in leaves.items():
            leaf = whats.add_parser(what, help=command.help, description=command.help)
            if chosen[:2] == [name, what]:
                chosen_leaf = command.load()
                chosen_leaf.configure(leaf)
    return parser, chosen_leaf


def main(arguments: list[str]) -> int:
    """Run one command. Returns 0, or 1 for errors of data or machine; wrong usage exits with 2."""
    parser, leaf = build_parser(arguments)
    try:
        args = parser.parse_args(arguments)
        assert leaf is not None
        status = int(leaf.run(args))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of the output has closed it (`| head`). Nothing must be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (HabitusError, OSError) as error:
        print(f"error: {in_one_line(error)}", file=sys.stderr)
    return 1


def in_one_line(error: HabitusError | OSError) -> str:
    """The message for the user."""
    text = str(error).strip()
    if "Original Traceback" in text:
        # A worker of torch's DataLoader passes its traceback as text, with the error last.
        return text.splitlines()[-1].partition(": ")[2]
    if isinstance(error, HabitusError):
        return "; ".join(text.splitlines())
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        path = path or Path(text)
        if path.is_dir():
            return f"{path} is a folder; a file is needed"
        if path.exists():
            return f"{path} is a file; a folder is needed"
        if path.is_symlink():
            return f"{path} is a link to {path.readlink()}, which is not there"
        return f"no such file or folder: {path}"
    reason = error.strerror or text or type(error).__name__
    return f"{path}: {reason}" if path else reason


if __name__ == "__main__":
    keep_freed_memory()
    if sys.argv[1:2] in (["fit"], ["compare"]):
        flush_denormals()
    sys.exit(main(sys.argv[1:]))
