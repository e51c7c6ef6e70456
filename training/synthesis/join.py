"""Puts the methods of one person into one checkpoint, which the service and `evaluate` load.

With --frames the method `nearest` is added: the frames before the last fifth, as JPEG files.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import InvalidInputError
from model.synthesis.normalisation import Stance
from model.synthesis.person import Person, joined, load_person, save_person
from model.synthesis.skeletons import Skeletons
from training.arguments import at_least, output_file
from training.engine.run import current_commit
from training.synthesis.frames import PersonFrames, load_frames
from training.synthesis.metrics import nearest_method


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training join synthesis`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--checkpoint", type=Path, nargs="*", default=[], metavar="FILE", help="of `fit`")
    add("--frames", type=Path, metavar="DIR", help="frames of the person, for `nearest`")
    add("--person", metavar="NAME", help="with --frames alone: their name (the folder's name)")
    add("--size", type=at_least(16), default=64, help="of the nearest frames (%(default)s)")
    add(
        "--every",
        type=at_least(1),
        default=1,
        metavar="N",
        help="keep one of N frames (%(default)s)",
    )
    add("--licence", metavar="SPDX", help="with --frames alone: of the frames")
    add("--out", type=output_file, required=True, metavar="FILE", help="the checkpoint to write")


def run(args: argparse.Namespace) -> int:
    """Write the checkpoint."""
    header, person = join(args)
    save_person(args.out, person, header)
    sys.stdout.write(f"wrote {args.out}: {person.name} by {', '.join(person.methods)}\n")
    return 0


def join(args: argparse.Namespace) -> tuple[CheckpointHeader, Person]:
    """One person of all the files, with a header that tells of all of them.

    Raises:
        InvalidInputError: There is nothing to join, or it is of several persons or licences.
    """
    loaded = [load_person(path) for path in args.checkpoint]
    headers, persons = [header for header, _ in loaded], [person for _, person in loaded]
    if args.frames is not None:
        name = persons[0].name if persons else args.person
        licence = headers[0].licence if headers else args.licence or "NOASSERTION"
        frames = load_frames(args.frames, args.size)
        persons.append(nearest_person(frames, name or frames.name, args.every))
        headers.append(_header(persons[-1], licence, len(frames)))
    if not persons:
        raise InvalidInputError("there is nothing to join; name --checkpoint or --frames")
    licences = sorted({header.licence for header in headers})
    if len(licences) > 1:
        raise InvalidInputError(f"the checkpoints are under {', '.join(licences)}; one is needed")
    lineage = tuple(part for header in headers for part in header.lineage)
    whole = joined(persons)
    return dataclasses.replace(headers[0], lineage=lineage, metrics={}), whole


def nearest_person(frames: PersonFrames, name: str, every: int) -> Person:
    """A person drawn by the frames before the last fifth, one of so many of them."""
    known = np.setdiff1d(np.arange(len(frames)), frames.of_split("test"))[::every]
    stance = Stance.of(Skeletons(frames.skeletons.points[known]))
    return Person(name, stance, {}, nearest_method(frames, known))


def _header(person: Person, licence: str, num_frames: int) -> CheckpointHeader:
    part = TrainingPart(
        recipe={"command": "python -m training join synthesis", "method": "nearest"},
        commit=current_commit(),
        data=f"{num_frames} frames of {person.name} ({licence})",
        steps=0,
    )
    return CheckpointHeader("", {}, (part,), {}, licence)
