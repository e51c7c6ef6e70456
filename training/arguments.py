"""What a command line option may be. Each is a type for `add_argument`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from model.atomic import is_stream
from model.errors import InvalidInputError


def at_least(minimum: int) -> Callable[[str], int]:
    """Whole numbers from `minimum` up."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < minimum:
            raise argparse.ArgumentTypeError(f"{number} is too few; at least {minimum}")
        return number

    return parse


def fraction(text: str) -> float:
    """Numbers from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is given; 0 to 1 is possible")
    return number


def output_file(text: str) -> Path:
    """A file that can be written: found out before the work starts."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; a file is meant")
    if not is_stream(path):
        _check_folder(Path(os.path.realpath(path)).parent)
    return path


def output_folder(text: str) -> Path:
    """A folder that is there and can be written to, or can be made."""
    path = Path(text)
    _check_folder(path)
    return path


def device(text: str) -> str:
    """The name of a device that this machine has: auto, cpu, cuda, cuda:N or mps."""
    from training.engine.precision import check_device  # here: not every command needs torch

    try:
        check_device(text)
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def add_ccp(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add the option that names the photos of Clothing Co-Parsing."""
    parser.add_argument(
        "--ccp", type=Path, required=required, metavar="DIR", help="folder of Clothing Co-Parsing"
    )


def _check_folder(folder: Path) -> None:
    """See that files can be put into a folder, or into the nearest one above that is there."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise argparse.ArgumentTypeError(f"{nearest} is a file; a folder is meant")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{nearest} is read-only, or belongs to somebody else")
