"""What `python -m training evaluate` does alike for every capability.

What is measured chooses nothing. To choose a step, an average or a recipe, measure with
`--split validation` (`training.datasets.splits`).

With --out every picture's score is kept as soon as it is known: a stopped run goes on where it was,
and `--shard 1/4` to `--shard 4/4`, on one machine or several that share the folder, measure a
quarter each. The same command without --shard then joins them. Scores of another checkpoint, or of
pictures that have changed since, are not used.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from matplotlib.figure import Figure

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from training.arguments import at_least, device, output_file, output_folder
from training.datasets.packed import evenly_spaced
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.reporting.cost import cost_text, network_cost
from training.reporting.int8_quality import recorded_quality
from training.reporting.partial_results import WHOLE, PartialResults, Shard
from training.reporting.record import card_text, record
from training.reporting.scoring import Predictor, SampleSet, Scored, flat_row
from training.reporting.tables import Table, csv_text, without_nan


class LoadedPredictor(Predictor, Protocol):
    """A predictor from a checkpoint."""

    @property
    def header(self) -> CheckpointHeader | None:
        """Of the checkpoint."""


class Measured(NamedTuple):
    """A set of samples with the scores of those that were measured."""

    sample_set: SampleSet[Any]
    scored: list[Scored]


Found = Mapping[str, Measured]
"""By the sample set's name."""
Report = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What differs between capabilities."""

    slug: str
    architectures: tuple[str, ...]
    """Those that a checkpoint may hold."""
    version: int
    """Raised when a score of the same prediction would come out differently."""
    batch_size: int
    """When none is named."""
    load: Callable[[Path, torch.device], Any]
    """A `LoadedPredictor` from a checkpoint."""
    configure_data: Callable[[argparse.ArgumentParser], None]
    """Options that name what is measured on."""
    sample_sets: Callable[[argparse.Namespace, Any], list[SampleSet[Any]]]
    """What the command line names, for a predictor."""
    tables: Callable[[Report], Mapping[str, Table]]
    """Of a report, by the fields of the card that they go into."""
    charts: Callable[[Report, Found], Mapping[str, Figure]]
    """By the stems of their files."""
    card: Path
    """Markdown whose fields in braces are the tables and those of `card_text`."""
    check: Callable[[argparse.Namespace], None] = lambda args: None  # noqa: ARG005
    """Refuses what cannot be done before anything is measured."""
    csv_parts: tuple[str, ...] = ()
    """Lists of the report that are written as CSV too; the checkpoint's header leaves them out."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options that all capabilities have."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = __doc__
        checkpoint = Path(f"checkpoints/{self.slug}.safetensors")
        parser.add_argument("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
        self.configure_data(parser)
        add = parser.add_argument
        add(
            "--split",
            choices=("test", "validation"),
            default="test",
            help="`validation` to choose by, `test` to report (%(default)s)",
        )
        add("--limit", type=at_least(1), metavar="N", help="so many pictures of each kind at most")
        add(
            "--out",
            type=output_folder,
            metavar="DIR",
            help="write report.json, tables of all pictures, charts and the ten worst there",
        )
        add("--shard", type=Shard.parse, metavar="I/N", help="measure this part only")
        add("--json", type=output_file, metavar="FILE", help="write the numbers there")
        add(
            "--record",
            action="store_true",
            help="write the numbers into the checkpoint's header, and its card and the worst "
            "photos beside it",
        )
        add("--note", default="", metavar="SENTENCE", help="with --record: a caution for the card")
        add(
            "--batch-size",
            type=at_least(1),
            default=self.batch_size,
            metavar="N",
            help="(%(default)s)",
        )
        add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")

    def run(self, args: argparse.Namespace) -> int:
        """Measure; print the tables and write what was asked for."""
        self._refuse_contradictions(args)
        predictor = self.load(args.checkpoint, pick_device(args.device))
        sets = self.sample_sets(args, predictor)
        _announce(args, sets)
        shard = args.shard or WHOLE
        found = self.measure(predictor, sets, args.out, shard, args.limit, args.batch_size)
        if args.shard is not None:
            sys.stdout.write(f"part {shard.number} of {shard.total} is in {args.out}\n")
            return 0
        report: Report = {"checkpoint": args.checkpoint.name, "split": args.split}
        report |= {"cost": network_cost(predictor)} | self.report(found)
        tables = self.tables(report).values()
        sys.stdout.write("\n".join(table.text() for table in tables if table.on_terminal))
        sys.stdout.write(f"\n{cost_text(report['cost'])}\n")
        for path in filter(None, (args.json, args.out and args.out / "report.json")):
            write_text(path, json.dumps(report, indent=2) + "\n")
        if args.out is not None:
            self._write(args.out, predictor, report, found)
            sys.stderr.write(f"tables, charts and the worst pictures are in {args.out}\n")
        if args.record:
            self._record(args, predictor, report, found)
            sys.stderr.write(f"the card is {args.checkpoint.with_suffix('.md')}\n")
        elif args.out is None:
            sys.stderr.write("--out DIR writes tables and charts; --record writes the card\n")
        return 0

    def report(self, found: Found) -> Report:
        """Numbers of all sets; None where a number is not defined."""
        whole: Report = {}
        for one in found.values():
            whole |= one.sample_set.report(one.scored)
        return dict(without_nan(whole))

    def measure(
        self,
        predictor: LoadedPredictor,
        sets: Sequence[SampleSet[Any]],
        out: Path | None = None,
        shard: Shard = WHOLE,
        limit: int | None = None,
        batch_size: int = 16,
    ) -> Found:
        """Score every set.

        Args:
            predictor: From a checkpoint.
            sets: Of samples.
            out: Folder that keeps scores; without one they last as long as this call.
            shard: The part to measure; nothing is returned of one that is not the whole.
            limit: So many samples of each set at most, spread evenly over all.
            batch_size: Samples that the predictor is given at a time.
        """
        folder = out / "rows" / self._fingerprint(predictor) if out else None
        found = {}
        for one in sets:
            everything = range(len(one.samples))
            chosen = shard.part(list(evenly_spaced(everything, limit or len(everything))))
            results = PartialResults(folder, one.name, shard)
            one.measure(predictor, chosen, results, batch_size)
            if shard.total == 1:
                found[one.name] = Measured(one, one.scores(chosen, results))
        return found

    def _refuse_contradictions(self, args: argparse.Namespace) -> None:
        self.check(args)
        if args.record and args.split != "test":
            raise InvalidInputError(
                "--record needs --split test: the card reports what chose nothing"
            )
        if args.shard is not None and args.out is None:
            raise InvalidInputError("--shard needs --out: the parts meet in that folder")
        if args.shard is not None and (args.record or args.json is not None):
            raise InvalidInputError("--shard measures a part; --json and --record need the whole")

    def _write(
        self, folder: Path, predictor: LoadedPredictor, report: Report, found: Found
    ) -> None:
        rows = {stem: report[stem] for stem in self.csv_parts}
        for name, one in found.items():
            rows[name] = [{"key": s.key} | flat_row(s.score) for s in one.scored]
        for stem, content in rows.items():
            write_text(folder / f"{stem}.csv", csv_text(without_nan(content)))
        for name, one in found.items():
            if one.sample_set.sheet is not None:
                with replacing(folder / f"worst_{name}.png") as temporary:
                    one.sample_set.worst_sheet(predictor, one.scored).save(temporary)
        for stem, chart in self.charts(report, found).items():
            with replacing(folder / f"{stem}.png") as temporary:
                chart.savefig(temporary, dpi=120)

    def _record(
        self, args: argparse.Namespace, predictor: LoadedPredictor, report: Report, found: Found
    ) -> None:
        left_out = ("checkpoint", *self.csv_parts)
        metrics = {name: value for name, value in report.items() if name not in left_out}
        tables = {name: table.markdown() for name, table in self.tables(report).items()}
        quality = recorded_quality(args.checkpoint)
        tables["int8"] = quality.markdown() if quality else "These weights have no int8 network."

        def write_card(header: CheckpointHeader, picture: str) -> str:
            fields = tables | {"measured_by": _command(args), "cost": cost_text(report["cost"])}
            return card_text(self.card, header, picture, args.note, fields)

        photos, scored = found["photos"]
        sheet = photos.worst_sheet(predictor, scored)
        record(args.checkpoint, self.architectures, metrics, sheet, write_card)

    def _fingerprint(self, predictor: LoadedPredictor) -> str:
        """Tells checkpoints apart, and what they are measured by."""
        assert predictor.header is not None
        parts = {"tensors": predictor.header.sha256, "config": predictor.header.config}
        text = json.dumps(parts | {"version": self.version}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _command(args: argparse.Namespace) -> str:
    """What to type for the same numbers: the options that decide them."""
    words = ["evaluate", args.what]
    for name, value in vars(args).items():
        if name in _OUTPUT or value is None or value is False or value == []:
            continue
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return f"python -m training {shlex.join(words)}"


_OUTPUT = {
    *("command", "what", "split", "out", "shard", "json", "record", "note", "batch_size", "device")
}
"""Arguments that do not change the numbers of the test split."""


def _announce(args: argparse.Namespace, sets: Sequence[SampleSet[Any]]) -> None:
    counts = ", ".join(f"{len(one.samples)} {one.description}" for one in sets)
    limit = f" (at most {args.limit} of each)" if args.limit else ""
    sys.stderr.write(f"measuring {args.checkpoint} on the {args.split} split: {counts}{limit}\n")
