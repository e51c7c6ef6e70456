"""Encoding and decoding: ours beside Pillow, trimesh, json and numpy, and that they agree."""

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image
from trimesh.exchange.gltf import export_glb
from trimesh.exchange.ply import export_ply

from app.codecs.faces import Topology
from app.codecs.media_types import GLB, JSON, PLY
from app.codecs.meshes import ENCODERS, Surface
from app.codecs.png import encode_png
from app.schemas.body import BetasUse
from model.body.predictor import BodyParameters, BodyPredictor
from model.picture_file.reader import decode_picture

ROOT = Path(__file__).parents[1]
SIZES = {"512x512": (512, 512), "1080p": (1080, 1920)}
LIMIT = 50_000_000
MOST_PHOTOS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m benchmarks codecs`."""
    parser.add_argument(
        "--photos", type=Path, help="folder of JPEGs to measure on too; the largest 20 of it"
    )
    parser.add_argument("--rounds", type=int, default=9, help="timed calls of each (9)")


def run(options: argparse.Namespace) -> None:
    """Pictures and meshes to bytes, and JPEGs to pixels.

    Median CPU time of the process on one thread, all taking turns, after one call of each.
    """
    torch.set_num_threads(1)
    photo = Image.open(ROOT / "docs" / "photo.jpg").convert("RGB")
    random = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        resized = np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC))
        confidence = _soft_map(height, width)
        weighted = np.rint(resized * (confidence[..., None] / 255)).astype(np.uint8)
        noisy = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for kind, pixels in (
            ("grey map", confidence),
            ("weighted photo", weighted),
            ("noisy RGB", noisy),
        ):
            _png(f"PNG of a {kind}, {name}", pixels, options.rounds)
        _jpeg(f"JPEG of a photo, {name}", [_jpeg_bytes(resized)], options.rounds)
    if options.photos:
        largest = sorted(options.photos.glob("*.jpg"), key=lambda path: -path.stat().st_size)
        files = [path.read_bytes() for path in largest[:MOST_PHOTOS]]
        _jpeg(f"the {len(files)} largest JPEGs of --photos, together", files, options.rounds)
    _meshes(options.rounds)


def _png(title: str, pixels: np.ndarray, rounds: int) -> None:
    def pillow(level: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=level)
        return buffer.getvalue()

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)
    _compare(
        title,
        {
            "habitus": lambda: encode_png(pixels),
            "Pillow, level 1": lambda: pillow(1),
            "Pillow, level 6": lambda: pillow(6),
        },
        rounds,
    )


def _jpeg(title: str, files: list[bytes], rounds: int) -> None:
    def pillow(data: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    apart = max(
        int(np.abs(decode_picture(data, LIMIT).astype(int) - pillow(data)).max()) for data in files
    )
    _compare(
        f"{title} (apart by {apart} levels)",
        {
            "habitus": lambda: [decode_picture(data, LIMIT) for data in files],
            "Pillow": lambda: [pillow(data) for data in files],
        },
        rounds,
    )


def _meshes(rounds: int) -> None:
    body = BodyPredictor.from_checkpoint(ROOT / "checkpoints" / "body_neutral.safetensors")
    mesh = body.predict_batch([BodyParameters(np.array([1, -1], np.float32))])[0]
    topology = Topology(body.faces, len(mesh.vertices), body.joint_names)
    surface = Surface(mesh, topology, BetasUse.of(2, mesh.num_betas))
    arrays: dict[str, np.ndarray] = {
        "vertices": mesh.vertices,
        "faces": topology.faces,
        "joints": mesh.joints,
        "joint_names": np.array(topology.joint_names),
    }

    def fresh() -> trimesh.Trimesh:
        return trimesh.Trimesh(mesh.vertices, topology.faces, process=False)

    def plain_json() -> bytes:
        return json.dumps({name: array.tolist() for name, array in arrays.items()}).encode()

    apart = float(np.abs(topology.vertex_normals(mesh.vertices) - fresh().vertex_normals).max())
    peers: dict[str, tuple[str, str, Callable[[], object]]] = {
        "GLB": (GLB, "trimesh", lambda: export_glb(fresh(), include_normals=True)),
        "PLY": (PLY, "trimesh", lambda: export_ply(fresh(), vertex_normal=True)),
        "JSON": (JSON, "json", plain_json),
    }
    print(f"Normals of {len(mesh.vertices):,} vertices are apart from trimesh's by {apart:.1e}")
    for name, (media_type, peer, theirs) in peers.items():
        ours = partial(ENCODERS[media_type], surface)
        _compare(name, {"habitus": ours, peer: theirs}, rounds)


def _compare(title: str, candidates: Mapping[str, Callable[[], object]], rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in candidates}
    sizes = {name: call() for name, call in candidates.items()}
    for _ in range(rounds):
        for name, call in candidates.items():
            started = time.process_time()
            call()
            times[name].append(time.process_time() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(title)
    for name, seconds in medians.items():
        made = sizes[name]
        size = f"{len(made) / 1000:10.1f} KB" if isinstance(made, bytes) else ""
        ratio = "" if name == "habitus" else f"   ours is {seconds / medians['habitus']:.1f}x"
        print(f"  {name:<20}{seconds * 1000:9.2f} ms{size}{ratio}")


def _soft_map(height: int, width: int) -> np.ndarray:
    """An upright ellipse that fades out, about as large as a person."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot((rows / height - 0.5) / 0.4, (columns / width - 0.5) / 0.2)
    levels: np.ndarray = np.rint(255 * np.clip(1.3 - distance, 0, 1)).astype(np.uint8)
    return levels


def _jpeg_bytes(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
