"""Measures every method of a person's checkpoint on frames that were not learned from.

The frames are the last fifth of the folder's, in time (`--split validation`: the blocks that choose
the best step). Beside the methods stand what needs no training: the mean of the other frames, and
the frame with the nearest skeleton by 26 and by 99 numbers. A method is measured at its own size.

Frames of `--poses DIR` show the same person in poses of somebody else; they are measured whole.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.synthesis.drawing import draw_sticks
from model.synthesis.limbs import NUM_POINTS
from model.synthesis.person import ARCHITECTURE, Person, load_person
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons
from training.arguments import at_least, device, output_file, output_folder
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.reporting.contact_sheet import Tile, contact_sheet
from training.reporting.record import card_text, record
from training.reporting.tables import Table, number
from training.synthesis.frames import PersonFrames, load_frames
from training.synthesis.metrics import NAMES, FrameScores, baselines, score_frames

HEADS = {
    "l1": "L1",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "flicker": "flicker",
}
WORST = 8
"""Frames on the sheet."""
SETS = {"held_out": "frames of the same clip", "poses": "poses of somebody else"}
Report = dict[str, Any]


class Drawn(NamedTuple):
    """One method's frames, and how near they are to the true ones."""

    frames: np.ndarray
    """(N, S, S, 3) uint8."""
    scores: FrameScores


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate synthesis`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    default = Path("checkpoints/synthesis.safetensors")
    add("--checkpoint", type=Path, default=default, help="(%(default)s)")
    add("--frames", type=Path, required=True, metavar="DIR", help="that were learned from")
    add("--poses", type=Path, metavar="DIR", help="frames in poses of somebody else")
    add("--split", choices=("test", "validation"), default="test", help="(%(default)s)")
    add("--limit", type=at_least(2), metavar="N", help="the first N frames of each set at most")
    add("--out", type=output_folder, metavar="DIR", help="write report.json and a sheet there")
    add("--json", type=output_file, metavar="FILE", help="write the numbers there")
    add(
        "--record",
        action="store_true",
        help="write the numbers into the checkpoint's header, and its card beside it",
    )
    add("--note", default="", metavar="SENTENCE", help="with --record: a caution for the card")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure; print the tables and write what was asked for."""
    if args.record and args.split != "test":
        raise InvalidInputError("--record needs --split test: the card reports what chose nothing")
    header, person = load_person(args.checkpoint)
    predictor = SynthesisPredictor([person], pick_device(args.device), header)
    report, sheet = measure(person, predictor, args)
    tables = tables_of(report)
    sys.stdout.write("\n".join(table.text() for table in tables.values()))
    for path in filter(None, (args.json, args.out and args.out / "report.json")):
        write_text(path, json.dumps(report, indent=2) + "\n")
    if args.out is not None:
        with replacing(args.out / "worst.png") as temporary:
            sheet.save(temporary)
    if args.record:
        fields = {name: table.markdown() for name, table in tables.items()}
        fields |= {"measured_by": command_of(args), "person": person.name}
        fields["methods"] = ", ".join(person.methods)

        def write_card(recorded: CheckpointHeader, picture: str) -> str:
            card = Path(__file__).with_name("card.md")
            return card_text(card, recorded, picture, args.note, fields)

        record(args.checkpoint, (ARCHITECTURE,), report, sheet, write_card)
        sys.stderr.write(f"the card is {args.checkpoint.with_suffix('.md')}\n")
    return 0


def measure(
    person: Person, predictor: SynthesisPredictor, args: argparse.Namespace
) -> tuple[Report, Image.Image]:
    """The numbers of all methods, and the worst frames of the best one.

    Args:
        person: From the checkpoint.
        predictor: Of that person.
        args: Names the frames.
    """
    report: Report = {"person": person.name, "split": args.split, "cost": costs(person)}
    sheet = Image.new("RGB", (1, 1))
    by_size: dict[int, list[str]] = {}
    for method in person.methods:
        by_size.setdefault(predictor.image_size(person.name, method), []).append(method)
    for size, methods in by_size.items():
        known = load_frames(args.frames, size)
        sets = {"held_out": (known, known.of_split(args.split))}
        if args.poses is not None:
            other = load_frames(args.poses, size)
            sets["poses"] = (other, np.arange(len(other)))
        for name, (frames, every) in sets.items():
            chosen = every[: args.limit]
            drawn = draw_all(predictor, methods, known, frames, chosen)
            rows = {method: one.scores.means() for method, one in drawn.items()}
            report.setdefault(name, {})[str(size)] = {"frames": len(chosen), "methods": rows}
            if name == "held_out" and person.methods[-1] in drawn:
                sheet = worst_sheet(frames, chosen, drawn[person.methods[-1]])
    return report, sheet


def draw_all(
    predictor: SynthesisPredictor,
    methods: Sequence[str],
    known: PersonFrames,
    frames: PersonFrames,
    chosen: np.ndarray,
) -> dict[str, Drawn]:
    """Frames of methods and baselines, with their scores.

    Args:
        predictor: Of one person.
        methods: Those to draw by.
        known: The frames learned from; baselines use those before the test split.
        frames: What is drawn.
        chosen: Indices of those, consecutive but for the gaps between blocks.
    """
    asked = Skeletons(
        frames.skeletons.points[chosen],
        None if frames.skeletons.landmarks is None else frames.skeletons.landmarks[chosen],
    )
    truth = frames.pictures[chosen]
    allowed = np.setdiff1d(np.arange(len(known)), known.of_split("test"))
    if frames is known:
        allowed = np.setdiff1d(allowed, chosen)
    found = baselines(known, allowed, asked)
    for method in methods:
        (result,) = predictor.predict_batch([Performance(asked, method=method)])
        found[method] = result.frames
    return {name: Drawn(drawn, score_frames(drawn, truth)) for name, drawn in found.items()}


def costs(person: Person) -> dict[str, dict[str, float]]:
    """Parameters and operations of each network, for one frame."""
    found = {}
    for method, generator in person.generators.items():
        points = torch.rand(1, generator.config.frames_seen, NUM_POINTS, 2)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            generator(points)
        found[method] = {
            "parameters": float(sum(one.numel() for one in generator.parameters())),
            "giga_flops": counter.get_total_flops() / 1e9,
        }
    return found


def tables_of(report: Report) -> dict[str, Table]:
    """A table for each set of frames."""
    tables = {}
    for name, title in SETS.items():
        if name not in report:
            continue
        rows = []
        for size, content in report[name].items():
            for method, means in content["methods"].items():
                cells = [
                    number(means[metric], 4 if metric in ("l1", "flicker") else 3)
                    for metric in NAMES
                ]
                cost = report["cost"].get(method)
                millions = f"{cost['parameters'] / 1e6:.2f}" if cost else "-"
                operations = f"{cost['giga_flops']:.2f}" if cost else "-"
                rows.append([f"{method}, {size} px", *cells, millions, operations])
        frames = next(iter(report[name].values()))["frames"]
        head = ["method", *(HEADS[metric] for metric in NAMES), "parameters (M)", "GFLOP a frame"]
        kind = f"{report['split']} split" if name == "held_out" else "none of them learned from"
        tables[name] = Table(f"{frames} {title} ({kind})", head, rows)
    return tables


def worst_sheet(frames: PersonFrames, chosen: np.ndarray, drawn: Drawn) -> Image.Image:
    """True frame, skeleton and drawn frame, of those with the lowest SSIM."""
    size = frames.pictures.shape[1]
    tiles = []
    for place in np.argsort(drawn.scores.ssim)[:WORST].tolist():
        index = int(chosen[place])
        sticks = sticks_picture(frames.skeletons.points[index], size)
        caption = f"{frames.files[index]}: SSIM {drawn.scores.ssim[place]:.2f}"
        tiles.append(Tile(caption, (frames.pictures[index], sticks, drawn.frames[place])))
    return contact_sheet(tiles)


def sticks_picture(points: np.ndarray, size: int) -> np.ndarray:
    """The drawing of a skeleton (13, 2): (S, S, 3) uint8."""
    drawn = draw_sticks(torch.from_numpy(points)[None], size)[0]
    pixels: np.ndarray = (drawn * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return pixels


def command_of(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["evaluate", "synthesis", "--frames", str(args.frames)]
    words += ["--poses", str(args.poses)] if args.poses else []
    words += ["--limit", str(args.limit)] if args.limit else []
    words += ["--checkpoint", str(args.checkpoint)]
    return f"python -m training {shlex.join(words)}"
