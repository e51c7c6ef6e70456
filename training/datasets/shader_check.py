"""Checks a SHADER folder: counts its files, and finds missing, damaged and implausible ones."""

import argparse
import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from model.errors import HabitusError
from model.silhouette.confidence import silhouette_mask
from training.arguments import at_least, output_file
from training.datasets.listing import LeftOut
from training.datasets.shader import (
    KINDS,
    ShaderSubject,
    iter_batches,
    iter_subjects,
    list_pictures,
    other_folders,
    read_pair,
    subject_folders,
)
from training.datasets.shader_truth import read_truth, truth_path
from training.engine.atomic import write_text

MAX_OUTSIDE = 0.01
"""Largest share of the naked silhouette outside of the dressed one. In single pixels the rendered
body intersects its garments."""
SHOWN_FAULTS = 20
"""Faults that are printed; the JSON file has all of them."""


@dataclass(frozen=True)
class SubjectReport:
    """The contents of one sample folder."""

    batch: str
    subject: str
    dressed: int
    """Pictures in `dressed`."""
    naked: int
    """Pictures in `naked`."""
    pairs: int
    """Frames that have both pictures."""
    truth: bool
    """Whether there is a readable ground truth."""
    faults: tuple[str, ...]
    """One sentence for each fault."""


def check_subject(subject: ShaderSubject, decode: bool = True) -> SubjectReport:
    """Count, compare and read the files of one subject.

    Args:
        subject: Of a dataset.
        decode: Whether to read every picture, rather than only list it.
    """
    left_out = LeftOut()
    dressed, naked = (list_pictures(subject.folder / kind, left_out).keys() for kind in KINDS)
    faults = [f"no {kind} folder" for kind in KINDS if not (subject.folder / kind).is_dir()]
    faults += [f"frame {frame} has no naked picture" for frame in sorted(dressed - naked)]
    faults += [f"frame {frame} has no dressed picture" for frame in sorted(naked - dressed)]
    faults += _gaps(sorted(dressed | naked))
    if not dressed | naked:
        faults.append("no pictures")
    if left_out:
        faults.append(str(left_out))
    if decode:
        faults += [
            f"frame {frame}: {fault}"
            for frame in subject.frames
            for fault in _pair_faults(subject, frame)
        ]
    truth_fault = _truth_fault(subject)
    if truth_fault:
        faults.append(truth_fault)
    return SubjectReport(
        batch=subject.batch,
        subject=subject.name,
        dressed=len(dressed),
        naked=len(naked),
        pairs=len(subject.frames),
        truth=truth_fault is None,
        faults=tuple(faults),
    )


def _gaps(frames: list[int]) -> list[str]:
    """The frames that are missing; a subject's frames begin at 0."""
    faults = []
    for before, after in pairwise([-1, *frames]):
        if after - before == 2:
            faults.append(f"frame {before + 1} is missing")
        elif after - before > 2:
            faults.append(f"frames {before + 1} to {after - 1} are missing")
    return faults


def _pair_faults(subject: ShaderSubject, frame: int) -> list[str]:
    """The faults of a frame's silhouettes."""
    try:
        dressed, naked = map(silhouette_mask, read_pair(subject.folder, frame))
    except (HabitusError, OSError) as error:
        return [str(error)]
    faults = []
    for words, is_so in (
        ("is empty", lambda mask: not mask.any()),
        ("is the whole picture: its alpha is opaque everywhere", lambda mask: mask.all()),
    ):
        kinds = [kind for kind, mask in zip(KINDS, (dressed, naked), strict=True) if is_so(mask)]
        if kinds:
            faults.append(f"the {' and the '.join(kinds)} silhouette {words}")
    if not faults and (outside := (naked & ~dressed).sum() / naked.sum()) > MAX_OUTSIDE:
        swapped = "; dressed and naked may be swapped" if not (dressed & ~naked).any() else ""
        faults.append(
            f"{100 * outside:.0f} % of the naked silhouette is outside of the dressed one{swapped}"
        )
    return faults


def _truth_fault(subject: ShaderSubject) -> str | None:
    if truth_path(subject) is None:
        return "no ground truth"
    try:
        truth = read_truth(subject)
    except (HabitusError, OSError) as error:
        return f"ground truth: {error}"
    last = max(subject.frames, default=-1)
    if len(truth.poses) <= last:
        return f"ground truth has {len(truth.poses)} frames, but there is a picture {last}"
    return None


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data check`."""
    parser.add_argument("folder", type=Path, help="the folder that holds the batches")
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="write the whole report there"
    )
    parser.add_argument("--fast", action="store_true", help="list the pictures, do not decode them")
    parser.add_argument(
        "--workers", type=at_least(1), default=4, help="reading threads (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table and the faults; the exit status is 1 where there are faults."""
    subjects = list(iter_subjects(args.folder, LeftOut()))
    num_batches = len({subject.batch for subject in subjects})
    doing = "listing" if args.fast else "decoding"
    sys.stderr.write(
        f"found {len(subjects)} subjects in {num_batches} batches of {args.folder}; {doing} their "
        f"pictures with {args.workers} threads\n"
    )
    with ThreadPoolExecutor(args.workers) as pool:
        checks = pool.map(lambda subject: check_subject(subject, not args.fast), subjects)
        reports = list(tqdm(checks, total=len(subjects), desc="checking", unit="subject"))
    batches = iter_batches(args.folder)
    faults = [f"{batch.name}: no subjects" for batch in batches if not subject_folders(batch)]
    faults += [
        f"{folder.name}: left out, since its name is not like maleBatch001 or femaleBatch012"
        for folder in other_folders(args.folder)
    ]
    faults += [f"{r.batch}/{r.subject}: {fault}" for r in reports for fault in r.faults]
    lines = [*([table(reports)] if reports else []), *faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        lines.append(f"... and {len(faults) - SHOWN_FAULTS} more")
    lines.append(f"{len(faults)} faults" if faults else "no faults")
    sys.stdout.write("\n".join(lines) + "\n")
    if args.json:
        report = {
            "folder": str(args.folder),
            "subjects": [dataclasses.asdict(report) for report in reports],
            "faults": faults,
        }
        write_text(args.json, json.dumps(report, indent=2) + "\n")
    elif faults:
        sys.stderr.write("--json FILE writes the whole list\n")
    if faults:
        sys.stderr.write("incomplete pairs are left out; a damaged picture stops the training\n")
    if pairs := sum(report.pairs for report in reports):
        sys.stderr.write(
            f"{pairs} complete pairs; train on them with\n"
            f"  python -m training fit silhouette --data {args.folder}\n"
        )
    return 1 if faults else 0


def table(reports: list[SubjectReport]) -> str:
    """One line for each batch, and one for all."""
    rows = pd.DataFrame([{**vars(r), "subjects": 1, "faults": len(r.faults)} for r in reports])
    columns = ["subjects", "dressed", "naked", "pairs", "truth", "faults"]
    sums = rows.groupby("batch")[columns].sum()
    sums.loc["all"] = sums.sum()
    return sums.rename_axis(None).to_string()
