"""python -m training data synth: people rendered to disk in the SHADER layout."""

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from model.body.asset import SmplAsset, load_asset
from model.errors import AssetError, InvalidInputError
from training.arguments import at_least, output_folder
from training.datasets.shader_writer import ShaderFrame, subject_folder, write_subject
from training.engine.atomic import write_text
from training.synthetic.bodies import Floats
from training.synthetic.motion import motion_digest
from training.synthetic.scene import Synthesizer
from training.synthetic.subjects import Subject

DEFAULT_ASSET = Path(__file__).parents[2] / "checkpoints" / "body_neutral.safetensors"
SETTINGS_FILE = "synthetic.json"


@dataclass(frozen=True)
class ExportSettings:
    """What decides every pixel of an export; kept beside it, so that it can be gone on with."""

    seed: int
    frames: int
    """Of each subject."""
    size: int
    """Side of the pictures, in pixels."""
    samples: int
    """Rays along each side of a pixel."""
    poses: str = ""
    """Digest of the motion capture that poses come from; empty where all are sampled."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write to")
    parser.add_argument(
        "--subjects", type=at_least(1), default=200, help="people, half of each gender"
    )
    parser.add_argument("--frames", type=at_least(1), default=8, help="pictures of each")
    parser.add_argument(
        "--size", type=at_least(1), default=256, help="side of the pictures in pixels"
    )
    parser.add_argument(
        "--samples", type=at_least(1), default=1, help="rays along each side of a pixel"
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="another seed gives other people"
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=os.cpu_count() or 1,
        help="processes (default: all cores)",
    )
    parser.add_argument(
        "--poses",
        type=Path,
        metavar="DIR",
        help="folder of CMU motion capture in BVH that half of the poses come from",
    )
    parser.add_argument(
        "--body", type=Path, default=DEFAULT_ASSET, help="asset that `shape` is given in"
    )


def run(args: argparse.Namespace) -> int:
    """Render what is not there yet."""
    settings = ExportSettings(args.seed, args.frames, args.size, args.samples)
    done = export(args.out, args.subjects, settings, args.body, args.workers, args.poses)
    total = args.subjects * args.frames
    print(f"{args.out}: {args.subjects} subjects, {total} pairs; {done} subjects rendered now")
    return 0


def export(
    root: Path,
    num_subjects: int,
    settings: ExportSettings,
    asset: Path,
    num_workers: int,
    poses: Path | None = None,
) -> int:
    """Render the subjects that are missing; says how many that were.

    A stopped export goes on where it was: a subject's folder appears only when it is complete.

    Raises:
        FileNotFoundError: There is no such asset, or no such folder of motion capture.
        CheckpointError: The asset is damaged.
        InvalidInputError: The folder holds an export with other settings, or `poses` holds no clip.
        StorageError: The disk is full or read-only.
    """
    load_asset(asset)  # what fails while a worker starts is lost
    if poses is not None:
        settings = replace(settings, poses=motion_digest(poses))
    _claim(root, settings)
    missing = [i for i in range(num_subjects) if not _folder(root, i).exists()]
    bar = tqdm(total=num_subjects, initial=num_subjects - len(missing), unit="subject")
    with bar, _pool(min(num_workers, max(1, len(missing))), (settings, asset, poses)) as pool:
        tasks: list[Future[None]] = [pool.submit(_render_subject, root, i) for i in missing]
        try:
            for task in as_completed(tasks):
                task.result()
                bar.update()
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
    return len(missing)


def _claim(root: Path, settings: ExportSettings) -> None:
    record = root / SETTINGS_FILE
    if record.exists():
        found = json.loads(record.read_text())
        if found != asdict(settings):
            raise InvalidInputError(
                f"{root} was rendered with {found}; it cannot be gone on with using "
                f"{asdict(settings)}: choose another folder or the same settings"
            )
        return
    root.mkdir(parents=True, exist_ok=True)
    write_text(record, json.dumps(asdict(settings), indent=2) + "\n")


def _folder(root: Path, index: int) -> Path:
    return subject_folder(root, female=index % 2 == 1, number=index // 2)


class ShapeFitter:
    """Finds the betas of an Anny body: least squares on the asset's vertices."""

    def __init__(self, asset: SmplAsset) -> None:
        shapedirs = asset.shapedirs.double().flatten(end_dim=1)
        self._template = asset.v_template.double()
        self._inverse = torch.linalg.pinv(shapedirs)

    def fit(self, vertices: Floats) -> Floats:
        """Betas of a body in T-pose, (V, 3) with the pelvis at the origin.

        Raises:
            AssetError: The asset has other vertices.
        """
        if len(vertices) != len(self._template):
            raise AssetError(
                f"the asset has {len(self._template)} vertices and Anny's body {len(vertices)}; "
                "`shape` needs the asset that `python -m training assets body` makes"
            )
        offset = torch.from_numpy(vertices).double() - self._template
        betas: Floats = (self._inverse @ offset.flatten()).float().numpy()
        return betas


# Each worker process builds these once, in `_start_worker`.
_worker: list[tuple[Synthesizer, ShapeFitter, ExportSettings]] = []


def _start_worker(settings: ExportSettings, asset: Path, poses: Path | None) -> None:
    torch.set_num_threads(1)
    fitter = ShapeFitter(load_asset(asset)[1])
    _worker.append((Synthesizer(settings.seed, poses=poses), fitter, settings))


def _pool(
    num_workers: int, settings: tuple[ExportSettings, Path, Path | None]
) -> ProcessPoolExecutor:
    # Forking a process in which Warp or Torch already runs threads can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(num_workers, context, _start_worker, settings)


def _render_subject(root: Path, index: int) -> None:
    synthesizer, fitter, settings = _worker[0]
    subject = synthesizer.subject(index)
    shape = fitter.fit(subject.vertices[: subject.num_body_vertices])
    write_subject(_folder(root, index), shape, list(_frames(synthesizer, subject, index, settings)))


def _frames(
    synthesizer: Synthesizer, subject: Subject, index: int, settings: ExportSettings
) -> Iterator[ShaderFrame]:
    size = (settings.size, settings.size)
    for number in range(settings.frames):
        frame = synthesizer.frame(subject, (index, number), size, settings.samples)
        yield ShaderFrame(
            frame.dressed,
            frame.naked,
            frame.pose,
            frame.transl,
            frame.keypoints,
            np.asarray(frame.joints, np.float32),
            frame.coco_keypoints,
        )
