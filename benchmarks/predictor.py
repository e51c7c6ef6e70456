"""Pictures to confidence maps on the CPU: ours beside the plain way, and where the time goes."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.timing import fastest, report
from model.checkpoint import load_checkpoint
from model.image import Letterbox
from model.silhouette.architectures import ARCHITECTURES, build
from model.silhouette.predictor import SilhouettePredictor

ROOT = Path(__file__).parents[1]
CHECKPOINT = ROOT / "checkpoints" / "silhouette.safetensors"
PHOTO = ROOT / "docs" / "photo.jpg"


def run() -> None:
    """Batches of 1, 4 and 8 photos of 1080 x 1920, in processor time, on one thread."""
    torch.set_num_threads(1)
    predictor = SilhouettePredictor.from_checkpoint(CHECKPOINT)
    plain = _plain(predictor)
    with Image.open(PHOTO) as photo:
        image = np.asarray(photo.convert("RGB").resize((1080, 1920)))
    for num in (1, 4, 8):
        images = [image] * num
        prepared = predictor.prepare_batch(images)
        raw = predictor.run_batch(prepared)

        def ours(i: list[np.ndarray] = images) -> list[np.ndarray]:
            return [result.confidence for result in predictor.predict_batch(i)]

        def theirs(i: list[np.ndarray] = images) -> list[np.ndarray]:
            return plain(i)

        apart = max(float(np.abs(a - b).max()) for a, b in zip(ours(), theirs(), strict=True))
        times = fastest({"habitus": ours, "plain": theirs}, 4, time.process_time)
        dtype = str(predictor.network.dtype).removeprefix("torch.")
        report(f"predictor, {num} photos, {dtype} (apart {apart:.1e})", times, "habitus")
        stages = fastest(
            {
                "prepare": lambda i=images: predictor.prepare_batch(i),  # type: ignore[misc]
                "run": lambda p=prepared: predictor.run_batch(p),  # type: ignore[misc]
                "finish": lambda r=raw: predictor.finish_batch(r),  # type: ignore[misc]
            },
            4,
            time.process_time,
        )
        for name, seconds in stages.items():
            share = seconds / sum(stages.values())
            print(f"    {name:<22}{seconds * 1000:9.2f} ms   {share:.0%} of the time")


def _plain(predictor: SilhouettePredictor) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """The network as it was trained, in float32 and one layer after the other."""
    header, tensors = load_checkpoint(CHECKPOINT, *ARCHITECTURES)
    network = build(header.architecture, header.config["network"])
    network.load_state_dict(tensors)
    network.eval()
    side = predictor.input_size

    def predict(images: list[np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            boxes = [Letterbox.fit((i.shape[0], i.shape[1]), (side, side)) for i in images]
            batch = [
                box.apply(torch.from_numpy(i.transpose(2, 0, 1).copy())[None].float() / 255)
                for i, box in zip(images, boxes, strict=True)
            ]
            maps = network(torch.cat(batch))[-1][:, :1].clamp(0, 1)
            return [
                box.invert(maps[n : n + 1])[0, 0].clamp(0, 1).numpy() for n, box in enumerate(boxes)
            ]

    return predict
