"""Looks for faults in a SHADER folder: what is there, what is missing, what cannot be read."""

import argparse
import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from model.errors import HabitusError
from training.arguments import at_least, output_file
from training.datasets.shader import (
    ShaderSubject,
    iter_batches,
    iter_subjects,
    picture_numbers,
    read_pair,
    read_truth,
    truth_path,
)
from training.engine.atomic import write_text

SHOWN_FAULTS = 20
"""So many are printed; the JSON file has all of them."""


@dataclass(frozen=True)
class SubjectReport:
    """What one sample folder holds."""

    batch: str
    subject: str
    dressed: int
    """Pictures in `dressed`."""
    naked: int
    """Pictures in `naked`."""
    pairs: int
    """Frames that have both."""
    truth: bool
    """There is a readable ground truth."""
    faults: tuple[str, ...]
    """One sentence each."""


def check_subject(subject: ShaderSubject, decode: bool = True) -> SubjectReport:
    """Count, compare and read everything of one subject.

    Args:
        subject: Of a dataset.
        decode: Read every picture, rather than only list it.
    """
    dressed = picture_numbers(subject.folder / "dressed")
    naked = picture_numbers(subject.folder / "naked")
    faults = [
        f"no {kind} folder" for kind in ("dressed", "naked") if not (subject.folder / kind).is_dir()
    ]
    faults += [f"frame {frame} has no naked picture" for frame in sorted(dressed - naked)]
    faults += [f"frame {frame} has no dressed picture" for frame in sorted(naked - dressed)]
    if dressed | naked:
        absent = sorted(set(range(max(dressed | naked) + 1)) - (dressed | naked))
        faults += [f"frame {frame} is missing" for frame in absent]
    else:
        faults.append("no pictures")
    if decode:
        faults += [fault for frame in subject.frames if (fault := _pair_fault(subject, frame))]
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


def _pair_fault(subject: ShaderSubject, frame: int) -> str | None:
    try:
        dressed, naked = read_pair(subject, frame)
    except (HabitusError, OSError) as error:
        return f"frame {frame}: {error}"
    empty = [
        kind
        for kind, picture in (("dressed", dressed), ("naked", naked))
        if not picture[..., 3].any()
    ]
    return f"frame {frame}: the {' and the '.join(empty)} silhouette is empty" if empty else None


def _truth_fault(subject: ShaderSubject) -> str | None:
    if truth_path(subject) is None:
        return "no ground truth"
    try:
        truth = read_truth(subject)
    except HabitusError as error:
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
    """Print the table; 1 when something is wrong."""
    subjects = list(iter_subjects(args.folder))
    with ThreadPoolExecutor(args.workers) as pool:
        checks = pool.map(lambda subject: check_subject(subject, not args.fast), subjects)
        reports = list(tqdm(checks, total=len(subjects), desc="checking", unit="subject"))
    empty = [batch.name for batch in iter_batches(args.folder) if not any(batch.iterdir())]
    faults = [f"{batch}: no subjects" for batch in empty]
    faults += [f"{r.batch}/{r.subject}: {fault}" for r in reports for fault in r.faults]
    lines = [table(reports), *faults[:SHOWN_FAULTS]]
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
    return 1 if faults else 0


def table(reports: list[SubjectReport]) -> str:
    """One line a batch and one for all."""
    rows = ["batch              subjects  dressed    naked    pairs    truth   faults"]
    batches = sorted({report.batch for report in reports})
    groups = [(batch, [r for r in reports if r.batch == batch]) for batch in batches]
    for name, members in [*groups, ("all", reports)]:
        rows.append(
            f"{name:<18} {len(members):>8} {sum(r.dressed for r in members):>8} "
            f"{sum(r.naked for r in members):>8} {sum(r.pairs for r in members):>8} "
            f"{sum(r.truth for r in members):>8} {sum(len(r.faults) for r in members):>8}"
        )
    return "\n".join(rows)
